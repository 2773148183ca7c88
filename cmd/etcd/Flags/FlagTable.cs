// The table of every flag of etcd 3.5 (spec server-config §1, facts server-flags). Nothing else in the
// program lists flags.
using static EtcdAot.Cmd.Etcd.Flags.FlagKind;
using static EtcdAot.Cmd.Etcd.Flags.FlagSection;

namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>All flags.</summary>
internal static partial class FlagTable
{
    public const string DefaultPeerUrl = "http://localhost:2380";
    public const string DefaultClientUrl = "http://localhost:2379";

    private const string ClientTls = "client-transport-security.";
    private const string PeerTls = "peer-transport-security.";
    private const string Tracer = "experimental-distributed-tracing-";

    /// <summary>In the order of the help text.</summary>
    public static IReadOnlyList<Flag> All { get; } =
    [
        .. MemberFlags(), .. ClusterFlags(), .. SecurityFlags(), .. OtherFlags(), .. ExperimentalFlags(),
            .. DeadFlags(),
    ];

    /// <summary>By name, in alphabetical order.</summary>
    public static SortedDictionary<string, Flag> ByName { get; } =
        new(All.ToDictionary(static f => f.Name), StringComparer.Ordinal);

    private static Flag Later(Flag flag) => flag with { Stage = FlagStage.Unbuilt };

    private static Flag[] MemberFlags() =>
    [
        new("name", Text, "default", Member, "Name of this member, for people."),
        new("data-dir", Text, "", Member, "Directory that holds the member's data.")
            { ShownDefault = "${name}.etcd" },
        new("wal-dir", Text, "", Member, "A directory of its own for the write-ahead log."),
        new("snapshot-count", Uint64, "100000", Member,
            "Applied entries after which a snapshot goes to disk."),
        new("heartbeat-interval", Uint, "100", Member, "Milliseconds between the heartbeats of a leader."),
        new("election-timeout", Uint, "1000", Member, "Milliseconds without a leader before an election."),
        new("initial-election-tick-advance", Bool, "true", Member,
            "Shorten the wait for the first election at start."),
        new("listen-peer-urls", Urls, DefaultPeerUrl, Member, "URLs on which other members are served."),
        new("listen-client-urls", Urls, DefaultClientUrl, Member, "URLs on which clients are served."),
        Later(new("listen-client-http-urls", Urls, "", Member,
            "URLs for HTTP clients alone; gRPC stays on the others.")),
        new("max-snapshots", Uint, "5", Member, "Snapshot files that are kept; 0 keeps all."),
        new("max-wals", Uint, "5", Member, "Log files that are kept; 0 keeps all."),
        new("quota-backend-bytes", Long, "0", Member,
            "Bytes of the database at which writes are refused; 0 is 2 GiB."),
        new("backend-bbolt-freelist-type", Text, "", Member,
            "Kind of free list in memory; any word is accepted.")
            { ShownDefault = "map" },
        new("backend-batch-interval", Duration, "0s", Member,
            "Longest time between two commits of the database.")
            { ShownDefault = "" },
        new("backend-batch-limit", Int, "0", Member, "Operations after which the database is committed."),
        new("max-txn-ops", Uint, "128", Member, "Operations allowed in one transaction."),
        new("max-request-bytes", Uint, "1572864", Member, "Bytes of the largest request that is accepted."),
        new("max-concurrent-streams", Uint32, "4294967295", Member,
            "Streams that one client connection may have open.")
            { ShownDefault = "math.MaxUint32" },
        new("enable-grpc-gateway", Bool, "true", Member, "Serve the JSON gateway."),
        new("grpc-keepalive-min-time", Duration, "5s", Member,
            "Least time that a client leaves between its pings."),
        new("grpc-keepalive-interval", Duration, "2h0m0s", Member,
            "Time between the server's pings; 0 turns them off.")
            { ShownDefault = "2h" },
        new("grpc-keepalive-timeout", Duration, "20s", Member, "How long the answer to a ping may take."),
        new("socket-reuse-port", Bool, "false", Member, "Set SO_REUSEPORT on listening sockets.")
            { YamlKey = "socket-options.reuse-port" },
        new("socket-reuse-address", Bool, "false", Member, "Set SO_REUSEADDR on listening sockets.")
            { YamlKey = "socket-options.reuse-address" },
        new("raft-read-timeout", Duration, "5s", Member, "Limit for reading from a peer.") { YamlKey = "" },
        new("raft-write-timeout", Duration, "5s", Member, "Limit for writing to a peer.") { YamlKey = "" },
    ];

    private static Flag[] ClusterFlags() =>
    [
        new("initial-advertise-peer-urls", Urls, DefaultPeerUrl, Clustering,
            "Own peer URLs, as told to the cluster."),
        new("initial-cluster", Text, "default=" + DefaultPeerUrl, Clustering,
            "Members of a new cluster, name=url,..."),
        new("initial-cluster-state", Choice, "new", Clustering,
            "'new' to found a cluster, 'existing' to join one.")
            { Choices = ["existing", "new"] },
        new("initial-cluster-token", Text, "etcd-cluster", Clustering,
            "Tells clusters with equal addresses apart."),
        new("advertise-client-urls", Urls, DefaultClientUrl, Clustering,
            "Own client URLs, as told to clients."),
        Later(new("discovery", Text, "", Clustering, "URL of a discovery service.")),
        new("discovery-fallback", Choice, "proxy", Clustering,
            "What a full discovered cluster leads to: 'exit' or 'proxy'.")
            { Choices = ["exit", "proxy"] },
        Later(new("discovery-proxy", Text, "", Clustering,
            "HTTP proxy on the way to the discovery service.")),
        Later(new("discovery-srv", Text, "", Clustering, "DNS domain whose SRV records name the members.")),
        Later(new("discovery-srv-name", Text, "", Clustering, "Suffix of the SRV service name.")),
        new("strict-reconfig-check", Bool, "true", Clustering,
            "Refuse member changes that would lose the quorum."),
        new("pre-vote", Bool, "true", Clustering, "Ask before an election whether it can be won."),
        Later(new("auto-compaction-retention", Text, "0", Clustering,
            "History that automatic compaction keeps; 0 turns it off.")),
        new("auto-compaction-mode", Text, "periodic", Clustering,
            "How the retention is read: periodic or revision."),
        Later(new("enable-v2", Bool, "false", Clustering, "Serve the v2 API (deprecated).")),
        new("v2-deprecation", Choice, "not-yet", Clustering, "How far the v2 store is on its way out.")
            { Choices = ["gone", "not-yet", "write-only", "write-only-drop-data", "write-only-skip-check"],
                NamesBadWord = true },
    ];

    private static Flag[] SecurityFlags() =>
    [
        Later(new("cert-file", Text, "", Security, "Server certificate for clients.")
            { YamlKey = ClientTls + "cert-file" }),
        Later(new("key-file", Text, "", Security, "Key of that certificate.")
            { YamlKey = ClientTls + "key-file" }),
        Later(new("client-cert-auth", Bool, "false", Security, "Demand certificates of clients.")
            { YamlKey = ClientTls + "client-cert-auth" }),
        Later(new("client-cert-file", Text, "", Security,
            "Certificate for the server's own client connections.")
            { YamlKey = ClientTls + "client-cert-file" }),
        Later(new("client-key-file", Text, "", Security, "Key of that certificate.")
            { YamlKey = ClientTls + "client-key-file" }),
        Later(new("client-crl-file", Text, "", Security, "Revocation list for client certificates.")
            { YamlKey = "" }),
        Later(new("client-cert-allowed-hostname", TextList, "", Security,
            "Names that a client certificate may bear.")
            { YamlKey = ClientTls + "allowed-hostname" }),
        Later(new("trusted-ca-file", Text, "", Security, "CA certificates for clients.")
            { YamlKey = ClientTls + "trusted-ca-file" }),
        Later(new("auto-tls", Bool, "false", Security, "Serve clients with a certificate made at start.")
            { YamlKey = ClientTls + "auto-tls" }),
        Later(new("peer-cert-file", Text, "", Security, "Server certificate for peers.")
            { YamlKey = PeerTls + "cert-file" }),
        Later(new("peer-key-file", Text, "", Security, "Key of that certificate.")
            { YamlKey = PeerTls + "key-file" }),
        Later(new("peer-client-cert-auth", Bool, "false", Security, "Demand certificates of peers.")
            { YamlKey = PeerTls + "client-cert-auth" }),
        Later(new("peer-trusted-ca-file", Text, "", Security, "CA certificates for peers.")
            { YamlKey = PeerTls + "trusted-ca-file" }),
        Later(new("peer-cert-allowed-cn", TextList, "", Security, "Common names that a peer may bear.")
            { YamlKey = PeerTls + "allowed-cn" }),
        Later(new("peer-cert-allowed-hostname", TextList, "", Security,
            "Names that a peer certificate may bear.")
            { YamlKey = PeerTls + "allowed-hostname" }),
        Later(new("peer-auto-tls", Bool, "false", Security, "Serve peers with a certificate made at start.")
            { YamlKey = PeerTls + "auto-tls" }),
        Later(new("peer-client-cert-file", Text, "", Security, "Certificate for connections to peers.")
            { YamlKey = PeerTls + "client-cert-file" }),
        Later(new("peer-client-key-file", Text, "", Security, "Key of that certificate.")
            { YamlKey = PeerTls + "client-key-file" }),
        Later(new("self-signed-cert-validity", Uint, "1", Security,
            "Years that a certificate made at start is valid.")),
        Later(new("peer-crl-file", Text, "", Security, "Revocation list for peer certificates.")
            { YamlKey = "" }),
        Later(new("cipher-suites", TextList, "", Security, "Cipher suites for TLS 1.2, comma-separated.")),
        Later(new("cors", Origins, "*", Security, "Origins that browsers may call from, comma-separated.")),
        Later(new("host-whitelist", TextList, "*", Security,
            "Host names that plain HTTP requests may ask for.")),
        Later(new("tls-min-version", Text, "TLS1.2", Security, "Lowest TLS version.")),
        Later(new("tls-max-version", Text, "", Security, "Highest TLS version; empty leaves it open.")),
        Later(new("auth-token", Text, "simple", Auth, "Kind of authentication token and its options.")),
        Later(new("bcrypt-cost", Uint, "10", Auth, "Work put into hashing a password, 4 to 31.")),
        Later(new("auth-token-ttl", Uint, "300", Auth, "Seconds that a simple token lives.")),
    ];
}
