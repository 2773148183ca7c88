// What our program answered, and how it compares with the recorded answer of the original.
using System.Text.RegularExpressions;

namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>Exit code, raw output, and both outputs with placeholders.</summary>
internal sealed record GoldenAnswer(int Exit, byte[] Raw, string Output, string Error)
{
    /// <summary>Lines on which the answer differs from <paramref name="row"/>; empty when it is
    /// right.</summary>
    public List<string> Differences(GoldenRow row, Func<string, string> hide)
    {
        if (row.IsCrash)
        {
            // A replacement must not crash: the same exit code or 1 and one clear line are right.
            bool clear = Exit is 1 or 2 && Error.StartsWith("Error: ", StringComparison.Ordinal) &&
                Error.TrimEnd('\n').IndexOf('\n', StringComparison.Ordinal) < 0;
            return clear ? [] : [$"exit {Exit}, expected one clear error line in place of a crash: {Error}"];
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
            Compare(found, "stdout", Shape(row, row.Output, false), Shape(row, Output, false));
        }

        Compare(found, "stderr", Shape(row, row.Error, true), Shape(row, Error, true));
        return found;
    }

    private static string Shape(GoldenRow row, string text, bool isError)
    {
        text = row.MasksTexts ? Normaliser.MaskHelp(text) : text;
        if (row.Args.Contains("--debug"))
        {
            text = Regex.Replace(text, "(?<=ETCDCTL_WRITE_OUT=[^\n]*\n)(?!\\{\"level\"|Error:)[^\n]*\n", "");
        }

        text = Normaliser.Of(isError ? Normaliser.WithoutLogs(text) : text);
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
