// Numbers as Go's shortest 'g' format writes them: exponents from 1e+06 and below 1e-04. Pure; any thread.
using System.Globalization;
using System.Text;

namespace EtcdAot.Observe;

/// <summary>Text of a floating point number.</summary>
public static class FloatText
{
    private const int FirstExponent = 6;
    private const int LastSmallExponent = -4;

    public static string Of(double value)
    {
        if (double.IsNaN(value))
        {
            return "NaN";
        }

        if (double.IsInfinity(value))
        {
            return value > 0 ? "+Inf" : "-Inf";
        }

        if (Math.Abs(value) < 1e6 && value == Math.Floor(value))
        {
            return ((long)value).ToString(CultureInfo.InvariantCulture);
        }

        string digits = Digits(Math.Abs(value).ToString("R", CultureInfo.InvariantCulture), out int exponent);
        var text = new StringBuilder(value < 0 ? "-" : "");
        if (exponent is < LastSmallExponent or >= FirstExponent)
        {
            text.Append(digits[0]).Append(digits.Length > 1 ? "." : "").Append(digits.AsSpan(1));
            text.Append(exponent < 0 ? "e-" : "e+")
                .Append(Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture));
        }
        else if (exponent < 0)
        {
            text.Append("0.").Append('0', -exponent - 1).Append(digits);
        }
        else
        {
            // Not a whole number, so digits remain behind the point.
            text.Append(digits.AsSpan(0, exponent + 1)).Append('.').Append(digits.AsSpan(exponent + 1));
        }

        return text.ToString();
    }

    // The digits of a shortest form without point and outer zeros, and the power of ten of the first one.
    private static string Digits(string shortest, out int exponent)
    {
        int e = shortest.IndexOf('E', StringComparison.Ordinal);
        exponent = e < 0 ? 0 : int.Parse(
            shortest.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string mantissa = e < 0 ? shortest : shortest[..e];
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        exponent += (point < 0 ? mantissa.Length : point) - 1;
        string digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        string trimmed = digits.TrimStart('0');
        exponent -= digits.Length - trimmed.Length;
        return trimmed.TrimEnd('0');
    }
}
