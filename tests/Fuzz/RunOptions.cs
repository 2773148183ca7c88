// What a run is asked for: command line first, then FUZZ_SECONDS, FUZZ_TARGET and FUZZ_SEED.
using System.Globalization;

namespace EtcdAot.Tests.Fuzz;

/// <summary>Options of a run.</summary>
internal sealed record RunOptions
{
    public const string Help =
        """
        Fuzzing: hostile bytes into everything that reads bytes from outside. Each target must answer "accepted" or
        "refused"; an exception, a broken invariant, a crash, an input that hangs or takes too much memory is a finding:
        its input is written to a file, the one command that repeats it is printed, and the run ends with exit 1.

          tests/Fuzz/run                       every target for 10 s each, with a fresh seed
          tests/Fuzz/run --seconds 60          every target for a minute
          tests/Fuzz/run --target hpack,wal    these alone
          tests/Fuzz/run --count 2000          so many inputs each instead of seconds (what CI does, with --seed 1)
          tests/Fuzz/run --seed 7              the inputs of that seed, in the same order as ever
          tests/Fuzz/run --repeat TARGET FILE  one input alone
          tests/Fuzz/run --list                the targets
          tests/Fuzz/run --self-check          first: planted defects of each kind must be found

        With make: make fuzz FUZZ_SECONDS=60 FUZZ_TARGET=hpack FUZZ_SEED=7
        A mended finding goes into tests/Fuzz/corpus/TARGET/, from where every later run feeds it first.
        """;

    public ulong Seed { get; init; }

    /// <summary>Seconds for each target; 0: counted instead.</summary>
    public double Seconds { get; init; }

    public int Count { get; init; } = 2000;

    /// <summary>Names, comma-separated; empty for all.</summary>
    public string Targets { get; init; } = "";

    /// <summary>Where inputs of findings go.</summary>
    public string OutputDirectory { get; init; } = Path.Combine("out", "fuzz");

    /// <summary>Index to begin at: a worker that was lost is replaced behind the target that lost it.</summary>
    public int From { get; init; }

    /// <summary>File of the input under way; set in a worker.</summary>
    public string CurrentPath { get; init; } = "";

    /// <summary>A target ends after so many different findings.</summary>
    public int FindingsMax { get; init; } = 10;

    public bool List { get; init; }

    public bool ShowHelp { get; init; }

    public bool SelfCheck { get; init; }

    public string RepeatTarget { get; init; } = "";

    public string RepeatFile { get; init; } = "";

    /// <summary>Reads the words; the problem when there is one.</summary>
    public static string? Parse(string[] args, out RunOptions options)
    {
        bool counted = false;
        options = new RunOptions
        {
            Seed = Number("FUZZ_SEED") ?? (ulong)DateTime.UtcNow.Ticks % 1_000_000_007,
            Seconds = Number("FUZZ_SECONDS") ?? 10,
            Targets = Environment.GetEnvironmentVariable("FUZZ_TARGET") ?? "",
        };
        for (int i = 0; i < args.Length; i++)
        {
            string word = args[i];
            string Value() => ++i < args.Length ? args[i] : "";
            ulong Numeric() => ulong.TryParse(Value(), CultureInfo.InvariantCulture, out ulong n) ? n : 0;
            switch (word)
            {
                case "--help" or "-h":
                    options = options with { ShowHelp = true };
                    break;
                case "--list":
                    options = options with { List = true };
                    break;
                case "--self-check":
                    options = options with { SelfCheck = true };
                    break;
                case "--target":
                    options = options with { Targets = Value() };
                    break;
                case "--seed":
                    options = options with { Seed = Numeric() };
                    break;
                case "--seconds":
                    options = options with { Seconds = Numeric() };
                    break;
                case "--count":
                    (counted, options) = (true, options with { Count = (int)Numeric() });
                    break;
                case "--out":
                    options = options with { OutputDirectory = Value() };
                    break;
                case "--from":
                    options = options with { From = (int)Numeric() };
                    break;
                case "--worker":
                    options = options with { CurrentPath = Value() };
                    break;
                case "--repeat":
                    options = options with { RepeatTarget = Value(), RepeatFile = Value() };
                    break;
                default:
                    return $"unknown word '{word}'; --help teaches";
            }
        }

        options = counted ? options with { Seconds = 0 } : options;
        return null;
    }

    private static ulong? Number(string variable) =>
        ulong.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out ulong n) ? n : null;
}
