// The version that this server answers with: a release of etcd whose behaviour it has; and how versions compare: by major
// and minor. Immutable.
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace EtcdAot.Server;

/// <summary>Versions.</summary>
public static class EtcdVersion
{
    /// <summary>Kubernetes parses it from every endpoint and relies on watch progress from 3.5.13 on
    /// (spec api-v3 §5.2).</summary>
    public const string Server = "3.5.33";

    /// <summary>Cluster version without its patch, for answers and metrics: "3.5".</summary>
    public static string MajorMinor(string version)
    {
        int second = version.IndexOf('.', version.IndexOf('.', StringComparison.Ordinal) + 1);
        return second > 0 ? version[..second] : version;
    }

    /// <summary>Reads the major and minor number of "major.minor.patch", with or without a suffix; false for anything
    /// else.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out Version? version)
    {
        version = null;
        string[] parts = (text ?? "").Split('.', 3);
        if (parts.Length != 3 || parts[2].Length == 0 || !char.IsAsciiDigit(parts[2][0])
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor))
        {
            return false;
        }

        version = new Version(major, minor);
        return true;
    }

    /// <summary>True when both are versions and the first one's major and minor are higher.</summary>
    public static bool IsAbove(string first, string second)
    {
        return TryParse(first, out Version? a) && TryParse(second, out Version? b) && a > b;
    }
}
