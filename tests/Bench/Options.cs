// The command line of the bench. Immutable.
using System.Globalization;

namespace EtcdAot.Tests.Bench;

/// <summary>What to run.</summary>
internal sealed record Options
{
    internal const string Help = """
        bench --ours CMD --theirs CMD [options]       the two in turn, then the required figures of ours
        bench --endpoint 127.0.0.1:2379 [options]     the rows alone on a server that runs already

        `make bench` passes BENCH_X=value on as --x value (BENCH_OTHER_PAIRS=1 is --other-pairs 1). About 15 minutes; a quick look:
        make bench BENCH_PAIRS=1 BENCH_OTHER_PAIRS=1 BENCH_SECONDS=1 BENCH_IDLE=10 BENCH_PUTS=100000

          --pairs 7            runs of both servers for the rows with a required figure (100 clients; put, get, get-serializable)
          --other-pairs 3      runs of both servers for all other rows
          --seconds 3          measured time of a row, after half a second of warming up
          --rows put,get,...   of put get get-serializable range txn watch keepalive mixed
          --clients 1,100,1000
          --without a,b        figures to leave out: start, idle, fill
          --starts 11          starts from an empty directory
          --idle 60            seconds of doing nothing
          --puts 1000000       puts of different keys before the managed heap is looked at
          --folder DIR         where the data goes; both servers get the same file system
          --trial              ours is the stub of the network stack: its bounds instead of the member's, rows put and get
          --pid N, --load      with --endpoint: whose processor time to count; write the keys first

        Each client has one call under way. Up to 100 clients have a connection each; above, they share 100 connections,
        several streams on each. Values are 256 bytes, 10,000 keys are loaded first; range reads 100 keys by prefix; an operation
        of watch is one event delivered to one of CLIENTS watchers of a key that is written whenever all have seen the last write;
        keepalive is one answer on a stream. A figure that was left out or measured too seldom is printed as not judged. Exit
        code 1: a required figure is missed, or an operation failed. Progress goes to stderr, the report to stdout.
        """;

    /// <summary>Figures that can be left out.</summary>
    private static readonly string[] Omissible = ["start", "idle", "fill"];

    internal string Ours { get; private set; } = "";

    internal string Theirs { get; private set; } = "";

    internal string Endpoint { get; private set; } = "";

    internal int Pid { get; private set; }

    internal bool Load { get; private set; }

    internal bool Trial { get; private set; }

    internal int Pairs { get; private set; } = RequiredFigures.PairsNeeded;

    internal int OtherPairs { get; private set; } = 3;

    internal TimeSpan Duration { get; private set; } = TimeSpan.FromSeconds(3);

    internal string[] Rows { get; private set; } = Bench.Rows.All;

    internal int[] Clients { get; private set; } = [1, 100, 1000];

    internal string[] Without { get; private set; } = [];

    internal int Starts { get; private set; } = 11;

    internal TimeSpan Idle { get; private set; } = TimeSpan.FromSeconds(60);

    internal int Puts { get; private set; } = 1_000_000;

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
            else if (arguments[i] == "--trial")
            {
                options.Trial = true;
                options.Rows = ["put", "get"];
                options.Without = Omissible;
            }
            else if (i + 1 >= arguments.Length || !options.Set(arguments[i], arguments[++i]))
            {
                return null;
            }
        }

        bool pair = options.Ours != "" && options.Theirs != "";
        bool known = options.Rows.All(Bench.Rows.All.Contains) && options.Without.All(Omissible.Contains);
        bool counts = options.Pairs > 0 && options.OtherPairs >= 0 && options.Starts > 0 && options.Puts > 0;
        return known && counts && pair != (options.Endpoint != "") ? options : null;
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
            case "--without":
                Without = value.Split(',', StringSplitOptions.RemoveEmptyEntries);
                return true;
            case "--clients":
                Clients = [.. value.Split(',').Select(Integer)];
                return Clients.All(static c => c > 0);
            default:
                return SetNumber(name, value);
        }
    }

    private bool SetNumber(string name, string value)
    {
        switch (name)
        {
            case "--pairs":
                Pairs = Integer(value);
                return true;
            case "--other-pairs":
                OtherPairs = Integer(value);
                return true;
            case "--pid":
                Pid = Integer(value);
                return true;
            case "--starts":
                Starts = Integer(value);
                return true;
            case "--puts":
                Puts = Integer(value);
                return true;
            case "--idle":
                Idle = Seconds(value);
                return true;
            case "--seconds":
                Duration = Seconds(value);
                return true;
            default:
                return false;
        }
    }

    private static int Integer(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(double.Parse(text, CultureInfo.InvariantCulture));
}
