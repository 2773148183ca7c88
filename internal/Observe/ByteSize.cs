// Sizes in the text form of the original's log lines ("6.5 kB", "2.1 GB"). Stateless; any thread.
using System.Globalization;

namespace EtcdAot.Observe;

/// <summary>Sizes in powers of a thousand.</summary>
public static class ByteSize
{
    /// <summary>The text of a number of bytes.</summary>
    public static string Text(long bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
        if (bytes < 10)
        {
            return bytes.ToString(CultureInfo.InvariantCulture) + " B";
        }

        int unit = 0;
        double size = bytes;
        for (; size >= 1000 && unit < units.Length - 1; unit++)
        {
            size /= 1000;
        }

        double shown = Math.Floor((size * 10) + 0.5) / 10;
        return shown.ToString(shown < 10 ? "0.0" : "0", CultureInfo.InvariantCulture) + " " + units[unit];
    }
}
