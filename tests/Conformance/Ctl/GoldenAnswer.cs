// What our program answered, and how it compares with the recorded answer of the original.
using System.Text.RegularExpressions;

namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>Exit code, raw output, and both outputs with placeholders.</summary>
internal sealed record GoldenAnswer(int Exit, byte[] Raw, string Output, string Error)
{
    /// <summary>Lines on which the answer differs from <paramref name="row"/>; empty when it is
    /// right.</summary>
    public List<string> Differences(GoldenRow row, bool isDistribution, Func<string, string> hide)
    {
        if (row.IsCrash)
        {
            return isDistribution ? OfCrash(row) : OfCleanError();
        }

        var found = new List<string>();
        if (Exit != row.Exit)
        {
            found.Add($"exit: recorded {row.Exit}, answered {Exit}");
        }

        if (row.RawOutput is byte[] raw)
        {
            string[] masked = row.Args.Contains("lease") ? ["3", "4"] : ["1.4"];
            Compare(found, "stdout", Normaliser.Of(hide(ProtobufText.Of(raw, masked))),
                Normaliser.Of(hide(ProtobufText.Of(Raw, masked))));
        }
        else
        {
            string recorded = isDistribution ? DistributionTables.Expected(row, row.Output) : row.Output;
            Compare(found, "stdout", Shape(row, recorded), Shape(row, Output));
        }

        Compare(found, "stderr", Shape(row, row.Error), Shape(row, Error));
        return found;
    }

    private static string Shape(GoldenRow row, string text)
    {
        text = row.MasksTexts ? Normaliser.MaskHelp(text) : text;
        if (row.Args.Contains("--debug"))
        {
            text = Normaliser.WithoutTransportLog(text);
        }

        text = Normaliser.Of(text);
        if (row.Args.Contains("keep-alive") || row.Args.Contains("--progress-notify"))
        {
            text = Normaliser.WithoutRepeats(text);
        }

        if (row.MasksTexts || row.Args.Contains("--debug"))
        {
            text = Regex.Replace(text.TrimEnd(), @"(DESCRIPTION:\n\s+<desc>)\n+", "$1\n\n");
        }

        return row.IsUnordered ? Normaliser.Sorted(text) : text;
    }

    // A replacement must not crash: the same exit code or 1 and one clear line are right.
    private List<string> OfCleanError()
    {
        bool clear = Exit is 1 or 2 && Error.StartsWith("Error: ", StringComparison.Ordinal) &&
            Error.TrimEnd('\n').IndexOf('\n', StringComparison.Ordinal) < 0;
        return clear ? [] : [$"exit {Exit}, expected one clear error line in place of a crash: {Error}"];
    }

    // Behind the first line of a crash comes what belongs to the build alone: addresses and the Go stack.
    private List<string> OfCrash(GoldenRow row)
    {
        var found = new List<string>();
        if (Exit != row.Exit)
        {
            found.Add($"exit: recorded {row.Exit}, answered {Exit}");
        }

        Compare(found, "stdout", row.Output, Output);
        Compare(found, "stderr", row.Error.Split('\n')[0], Error.Split('\n')[0]);
        return found;
    }

    private static void Compare(List<string> found, string name, string recorded, string answered)
    {
        if (recorded == answered)
        {
            return;
        }

        List<string> missing = [.. recorded.Split('\n')];
        List<string> added = [.. answered.Split('\n')];
        foreach (string line in added.ToList())
        {
            if (missing.Remove(line))
            {
                added.Remove(line);
            }
        }

        found.Add($"{name}:");
        found.AddRange(missing.Take(10).Select(l => $"  - {l}"));
        found.AddRange(added.Take(10).Select(l => $"  + {l}"));
        if (missing.Count + added.Count == 0)
        {
            found.Add($"  the order of lines differs: {answered}");
        }
    }
}
