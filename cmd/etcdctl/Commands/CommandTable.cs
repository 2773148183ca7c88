// The one table of etcdctl's and etcdutl's commands and options (DESIGN 4.18, etcdctl §3, §13). The order is
// the order in which near names are suggested.
using EtcdAot.Cmd.Etcdctl.Flags;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Builds the trees.</summary>
internal static class CommandTable
{
    private static readonly FlagSpec[] Global =
    [
        Text("cacert", "", "CA bundle that the server's certificate is checked against"),
        Text("cert", "", "client certificate file (PEM)"),
        new("command-timeout", FlagKind.Duration, "5s", "limit of one short request, connecting not counted"),
        Bool("debug", "print the settings and log what the client does"),
        new("dial-timeout", FlagKind.Duration, "2s", "limit of connecting for a login"),
        Text("discovery-srv", "", "DNS domain whose SRV records name the endpoints", 'd'),
        Text("discovery-srv-name", "", "suffix of the service name in SRV records"),
        new("endpoints", FlagKind.List, "127.0.0.1:2379", "servers to talk to, separated by commas"),
        Bool("hex", "print keys and values as hexadecimal bytes"),
        Bool("insecure-discovery", "also use SRV records of plain endpoints", "true"),
        Bool("insecure-skip-tls-verify", "do not check the server's certificate"),
        Bool("insecure-transport", "use plain connections when no TLS option is given", "true"),
        new("keepalive-time", FlagKind.Duration, "2s", "silence after which a connection is pinged"),
        new("keepalive-timeout", FlagKind.Duration, "6s", "how long the answer to a ping may take"),
        Text("key", "", "private key file of the client certificate (PEM)"),
        Text("password", "", "password; the user name may then hold a colon"),
        Text("user", "", "NAME:PASSWORD, or NAME to be asked for the password"),
        Text("write-out", "simple", "form of the output: simple, fields, json, protobuf, table", 'w'),
    ];

    /// <summary>The tree of etcdctl.</summary>
    public static Command Etcdctl() => new()
    {
        Use = "etcdctl",
        Brief = "Command line client of etcd",
        Inherited = Global,
        Children =
        [
            KeyValueCommands.Get, KeyValueCommands.Put, KeyValueCommands.Del, TxnCommand.Txn,
            KeyValueCommands.Compaction, AlarmCommands.Group, DefragCommand.Defrag, EndpointCommands.Group,
            WatchCommand.Watch, VersionCommand.Version("etcdctl"), LeaseCommands.Group, MemberCommands.Group,
            SnapshotCommands.Group,
            new Command { Use = "help [command]", Brief = "Show the usage of a command", Run = _ => 0 },
        ],
    };

    /// <summary>The tree of etcdutl.</summary>
    public static Command Etcdutl() => new()
    {
        Use = "etcdutl",
        Brief = "Works on the files of an etcd member that is not running",
        Inherited = [Text("write-out", "simple", "form of the output: simple, fields, json, protobuf, table",
            'w')],
        Children =
        [
            OfflineCommands.DefragCommand,
            new Command
            {
                Use = "snapshot",
                Brief = "Look at snapshot files and restore them",
                Children = [RestoreCommand.Restore, OfflineCommands.SnapshotStatusCommand],
            },
            VersionCommand.Version("etcdutl"),
            new Command { Use = "help [command]", Brief = "Show the usage of a command", Run = _ => 0 },
        ],
    };

    internal static FlagSpec Text(string name, string value, string text, char shorthand = '\0')
    {
        return new FlagSpec(name, FlagKind.Text, value, text, shorthand);
    }

    internal static FlagSpec Bool(string name, string text, string value = "false", char shorthand = '\0')
    {
        return new FlagSpec(name, FlagKind.Bool, value, text, shorthand);
    }

    internal static FlagSpec Int(string name, string text) => new(name, FlagKind.Int, "0", text);
}
