// Sizes in log lines as the original writes them: decimal units, two digits below ten. Pure; any thread.
using System.Globalization;

namespace EtcdAot.Observe;

/// <summary>"49 kB", "2.1 GB".</summary>
public static class HumanBytes
{
    private static readonly string[] Units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

    /// <summary>Text of a size in bytes; negative counts as 0.</summary>
    public static string Text(long bytes)
    {
        if (bytes < 10)
        {
            return Math.Max(0, bytes).ToString(CultureInfo.InvariantCulture) + " B";
        }

        int unit = 0;
        double scale = 1;
        while (bytes / scale >= 1000 && unit < Units.Length - 1)
        {
            scale *= 1000;
            unit++;
        }

        double value = Math.Floor((bytes / scale * 10) + 0.5) / 10;
        string text = value < 10
            ? value.ToString("0.0", CultureInfo.InvariantCulture)
            : Math.Round(value, MidpointRounding.ToEven).ToString("0", CultureInfo.InvariantCulture);
        return text + " " + Units[unit];
    }
}
