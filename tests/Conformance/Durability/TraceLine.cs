// One line of `strace -f`: complete, begun or resumed. Pure text, no process.
using System.Globalization;
using System.Text.RegularExpressions;

namespace EtcdAot.Tests.Conformance.Durability;

/// <summary>What a line says.</summary>
internal enum TraceForm
{
    /// <summary>Call and result in one line.</summary>
    Whole,

    /// <summary>"… &lt;unfinished ...&gt;": the call was entered.</summary>
    Begun,

    /// <summary>"&lt;... NAME resumed&gt;": the call returned.</summary>
    Resumed,
}

/// <summary>A system call as one line shows it.</summary>
/// <param name="Thread">The caller.</param>
/// <param name="Form">Which half, or both.</param>
/// <param name="Call">Name of the system call.</param>
/// <param name="Text">The arguments that this line has.</param>
/// <param name="Result">What it returned; null for a begun call and for one whose result is not known ("= ?").</param>
internal sealed partial record TraceLine(int Thread, TraceForm Form, string Call, string Text, long? Result)
{
    private const string Unfinished = " <unfinished ...>";

    /// <summary>Null for signals, exits and other notes.</summary>
    public static TraceLine? Parse(string line)
    {
        Match head = Head().Match(line);
        if (!head.Success)
        {
            return null;
        }

        int thread = int.Parse(head.Groups["thread"].Value, CultureInfo.InvariantCulture);
        string rest = line[head.Length..];
        Match resumed = ResumedHead().Match(rest);
        if (resumed.Success)
        {
            string tail = rest[resumed.Length..];
            return new TraceLine(thread, TraceForm.Resumed, resumed.Groups["call"].Value, tail, ResultOf(tail));
        }

        Match call = CallHead().Match(rest);
        if (!call.Success)
        {
            return null;
        }

        string name = call.Groups["call"].Value;
        string text = rest[call.Length..];
        return text.EndsWith(Unfinished, StringComparison.Ordinal)
            ? new TraceLine(thread, TraceForm.Begun, name, text[..^Unfinished.Length], null)
            : new TraceLine(thread, TraceForm.Whole, name, text, ResultOf(text));
    }

    // The last " = N" of the line: the arguments may hold the same characters in quotes.
    private static long? ResultOf(string text)
    {
        Match found = ResultTail().Match(text);
        return found.Success ? long.Parse(found.Groups["result"].Value, CultureInfo.InvariantCulture) : null;
    }

    [GeneratedRegex(@"^(?:\[pid\s+)?(?<thread>\d+)\]?\s+(?:\d+[.:][\d.:]+\s+)?")]
    private static partial Regex Head();

    [GeneratedRegex(@"^<\.\.\. (?<call>\w+) resumed>\s?")]
    private static partial Regex ResumedHead();

    [GeneratedRegex(@"^(?<call>\w+)\(")]
    private static partial Regex CallHead();

    [GeneratedRegex(@"\)\s+= (?<result>-?\d+)(?: E[A-Z]+ \([^)]*\))?(?: <[\d.]+>)?$")]
    private static partial Regex ResultTail();
}
