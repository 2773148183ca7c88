// The command line of the bench. Immutable.
using System.Globalization;

namespace EtcdAot.Tests.Bench;

/// <summary>What to run.</summary>
internal sealed record Options
{
    internal const string Help = """
        bench --ours CMD --theirs CMD [--pairs 7] [--seconds 3] [--rows put,get] [--clients 1,100,1000] [--folder DIR]
        bench --endpoint 127.0.0.1:2379 [--pid N] [--load] [--seconds 3] [--rows ...] [--clients ...]
        Each client has one call under way. Up to 100 clients have a connection each; above, they share 100
        connections, several streams on each. Values are 256 bytes, 10,000 keys are loaded first; range reads 100 keys by prefix;
        an operation of watch is one event delivered to one of CLIENTS watchers; keepalive is one answer on a stream.
        """;

    internal string Ours { get; private set; } = "";

    internal string Theirs { get; private set; } = "";

    internal string Endpoint { get; private set; } = "";

    internal int Pid { get; private set; }

    internal bool Load { get; private set; }

    internal int Pairs { get; private set; } = 7;

    internal TimeSpan Duration { get; private set; } = TimeSpan.FromSeconds(3);

    internal string[] Rows { get; private set; } = Bench.Rows.All;

    internal int[] Clients { get; private set; } = [1, 100, 1000];

    internal string Folder { get; private set; } = Path.GetTempPath();

    /// <summary>Null when the arguments make no sense.</summary>
    internal static Options? Parse(string[] arguments)
    {
        var options = new Options();
        for (int i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--load")
            {
                options.Load = true;
            }
            else if (i + 1 >= arguments.Length || !options.Set(arguments[i], arguments[++i]))
            {
                return null;
            }
        }

        bool pair = options.Ours != "" && options.Theirs != "";
        bool known = options.Rows.All(static r => Bench.Rows.All.Contains(r));
        return known && options.Pairs > 0 && pair != (options.Endpoint != "") ? options : null;
    }

    private bool Set(string name, string value)
    {
        switch (name)
        {
            case "--ours":
                Ours = value;
                return true;
            case "--theirs":
                Theirs = value;
                return true;
            case "--endpoint":
                Endpoint = value;
                return true;
            case "--folder":
                Folder = value;
                return true;
            case "--rows":
                Rows = value.Split(',');
                return true;
            case "--clients":
                Clients = [.. value.Split(',').Select(static c => int.Parse(c, CultureInfo.InvariantCulture))];
                return Clients.All(static c => c > 0);
            case "--pairs":
                Pairs = int.Parse(value, CultureInfo.InvariantCulture);
                return true;
            case "--pid":
                Pid = int.Parse(value, CultureInfo.InvariantCulture);
                return true;
            case "--seconds":
                Duration = TimeSpan.FromSeconds(double.Parse(value, CultureInfo.InvariantCulture));
                return true;
            default:
                return false;
        }
    }
}
