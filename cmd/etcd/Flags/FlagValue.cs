// Reading one flag's text into a value, with the error texts of Go's flag package (spec server-config §1.1,
// §1.2). Pure.
using System.Globalization;
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>A flag's value: the text in its own spelling, and the number or list that it stands
/// for.</summary>
/// <param name="Text">Text; of lists, their items joined by commas.</param>
/// <param name="Number">Numbers; nanoseconds of durations; 1 for true.</param>
/// <param name="Items">Items of a list, else empty.</param>
internal sealed record FlagValue(string Text, Int128 Number, IReadOnlyList<string> Items)
{
    private const string Syntax = "parse error";
    private const string Range = "value out of range";

    public bool IsTrue => Number != 0;

    /// <summary>Reads a text. Null, or what is wrong with it.</summary>
    public static string? Parse(Flag flag, string text, out FlagValue value)
    {
        value = new FlagValue(text, 0, []);
        switch (flag.Kind)
        {
            case FlagKind.Dead:
            case FlagKind.Text:
                return null;
            case FlagKind.Bool:
                string? fault = GoNumber.ParseBool(text, out bool isTrue);
                value = new FlagValue(isTrue ? "true" : "false", isTrue ? 1 : 0, []);
                return fault is null ? null : Syntax;
            case FlagKind.Duration:
                return Duration(text, out value);
            case FlagKind.Choice:
                return flag.Choices.Contains(text) ? null
                    : flag.NamesBadWord ? "invalid value " + GoQuote.Text(text) : "invalid value";
            case FlagKind.Urls:
                return Urls(text, out value);
            case FlagKind.TextList:
                string[] items = text.Split(',');
                value = new FlagValue(text, 0, items);
                return null;
            case FlagKind.Origins:
                return ParseOrigins(text, out value);
            default:
                return Integer(flag.Kind, text, out value);
        }
    }

    /// <summary>The default of a flag.</summary>
    public static FlagValue DefaultOf(Flag flag)
    {
        string? problem = null;
        FlagValue value = new(flag.Default, 0, []);
        if (flag.Default.Length > 0)
        {
            problem = Parse(flag, flag.Default, out value);
        }

        Invariant.Check(problem is null, "the defaults of the flag table are valid");
        return value;
    }

    private static string? Integer(FlagKind kind, string text, out FlagValue value)
    {
        Int128 number;
        NumberFault fault;
        if (kind is FlagKind.Int or FlagKind.Long)
        {
            fault = GoNumber.ReadInt(text, 0, out long signed);
            number = signed;
        }
        else
        {
            fault = GoNumber.ReadUint(text, 0, out ulong unsigned, kind == FlagKind.Uint32 ? 32 : 64);
            number = unsigned;
        }

        value = new FlagValue(number.ToString(CultureInfo.InvariantCulture), number, []);
        if (kind == FlagKind.Uint32)
        {
            // The one type that is etcd's own, not of Go's flag package, shows the whole error.
            return GoNumber.ParseUint(text, 0, out _, 32);
        }

        return fault switch
        {
            NumberFault.None => null,
            NumberFault.Syntax => Syntax,
            _ => Range,
        };
    }

    private static string? Duration(string text, out FlagValue value)
    {
        string? problem = GoDuration.Parse(text, out long nanos);
        value = new FlagValue(GoDuration.Text(nanos), nanos, []);
        return problem is null ? null : Syntax;
    }

    private static string? Urls(string text, out FlagValue value)
    {
        value = new FlagValue("", 0, []);
        if (text.Length == 0)
        {
            return null;
        }

        string? problem = UrlList.Parse(text.Split(','), out IReadOnlyList<string> urls);
        value = new FlagValue(string.Join(',', urls), 0, urls);
        return problem;
    }

    private static string? ParseOrigins(string text, out FlagValue value)
    {
        value = new FlagValue(text, 0, ["*"]);
        if (text == "*")
        {
            return null;
        }

        string? problem = UrlList.Parse(text.Split(','), out IReadOnlyList<string> urls);
        value = new FlagValue(string.Join(',', urls), 0, urls);
        return problem;
    }
}
