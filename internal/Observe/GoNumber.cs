// Integers and bools as Go's strconv package reads them: the accepted forms (base prefixes, underscores) and the error
// texts are part of the contract of flags and arguments (etcdctl §3, server-config §1.1). Stateless; any thread.
namespace EtcdAot.Observe;

/// <summary>What is wrong with a number's text.</summary>
public enum NumberFault
{
    None,

    /// <summary>It is no number.</summary>
    Syntax,

    /// <summary>It does not fit.</summary>
    Range,
}

/// <summary>Numbers in Go's spelling. Parse… return null or the text of Go's error, Read… only the kind of fault.</summary>
public static class GoNumber
{
    private const string InvalidSyntax = "invalid syntax";
    private const string OutOfRange = "value out of range";

    /// <summary>strconv.ParseInt with 64 bits; <paramref name="radix"/> 0 accepts prefixes and underscores.</summary>
    public static string? ParseInt(string text, int radix, out long value)
    {
        return Error("ParseInt", text, ReadInt(text, radix, out value));
    }

    /// <summary>strconv.ParseUint with <paramref name="bits"/> bits.</summary>
    public static string? ParseUint(string text, int radix, out ulong value, int bits = 64)
    {
        return Error("ParseUint", text, ReadUint(text, radix, out value, bits));
    }

    /// <summary>strconv.ParseBool.</summary>
    public static string? ParseBool(string text, out bool value)
    {
        value = text is "1" or "t" or "T" or "TRUE" or "true" or "True";
        bool known = value || text is "0" or "f" or "F" or "FALSE" or "false" or "False";
        return Error("ParseBool", text, known ? NumberFault.None : NumberFault.Syntax);
    }

    /// <summary>The number of <see cref="ParseInt"/>; 0 with a fault.</summary>
    public static NumberFault ReadInt(string text, int radix, out long value)
    {
        bool negative = text.StartsWith('-');
        string digits = negative || text.StartsWith('+') ? text[1..] : text;
        NumberFault fault = Magnitude(digits, radix, out ulong magnitude);
        if (fault == NumberFault.None && magnitude > (negative ? 1UL << 63 : long.MaxValue))
        {
            fault = NumberFault.Range;
        }

        value = fault != NumberFault.None ? 0 : negative ? unchecked(-(long)magnitude) : (long)magnitude;
        return fault;
    }

    /// <summary>The number of <see cref="ParseUint"/>; 0 with a fault.</summary>
    public static NumberFault ReadUint(string text, int radix, out ulong value, int bits = 64)
    {
        NumberFault fault = Magnitude(text, radix, out value);
        if (fault == NumberFault.None && value > ulong.MaxValue >> (64 - bits))
        {
            fault = NumberFault.Range;
        }

        value = fault == NumberFault.None ? value : 0;
        return fault;
    }

    private static string? Error(string function, string text, NumberFault fault)
    {
        return fault == NumberFault.None ? null
            : $"strconv.{function}: parsing {GoQuote.Text(text)}: " +
              (fault == NumberFault.Syntax ? InvalidSyntax : OutOfRange);
    }

    private static NumberFault Magnitude(string text, int radix, out ulong value)
    {
        value = 0;
        string digits = text;
        if (radix == 0)
        {
            (radix, digits) = Prefix(text);
            if (!UnderscoresSeparateDigits(text, digits))
            {
                return NumberFault.Syntax;
            }

            digits = digits.Replace("_", "", StringComparison.Ordinal);
        }

        if (digits.Length == 0)
        {
            return NumberFault.Syntax;
        }

        bool overflow = false;
        foreach (char c in digits)
        {
            int digit = char.IsAsciiHexDigit(c) ? Convert.ToInt32(c.ToString(), 16) : 99;
            if (digit >= radix)
            {
                return NumberFault.Syntax;
            }

            UInt128 next = ((UInt128)value * (uint)radix) + (uint)digit;
            overflow |= next > ulong.MaxValue;
            value = overflow ? ulong.MaxValue : (ulong)next;
        }

        return overflow ? NumberFault.Range : NumberFault.None;
    }

    private static (int Radix, string Digits) Prefix(string text)
    {
        if (text.Length < 2 || text[0] != '0')
        {
            return (10, text);
        }

        return char.ToLowerInvariant(text[1]) switch
        {
            'x' => (16, text[2..]),
            'b' => (2, text[2..]),
            'o' => (8, text[2..]),
            _ => (8, text[1..]),
        };
    }

    // Each underscore stands between two digits, or between prefix and digit.
    private static bool UnderscoresSeparateDigits(string text, string digits)
    {
        bool prefixed = digits.Length < text.Length;
        for (int i = 0; i < digits.Length; i++)
        {
            bool before = i > 0 ? digits[i - 1] != '_' : prefixed;
            bool after = i + 1 < digits.Length && digits[i + 1] != '_';
            if (digits[i] == '_' && (!before || !after))
            {
                return false;
            }
        }

        return true;
    }
}
