// Comparisons of header bytes without regard to case. Pure functions; any thread.
namespace EtcdAot.Http.H1;

/// <summary>ASCII comparisons on bytes.</summary>
internal static class Ascii
{
    public static bool EqualsIgnoreCase(ReadOnlySpan<byte> bytes, string text)
    {
        return System.Text.Ascii.EqualsIgnoreCase(bytes, text);
    }

    public static bool EqualsIgnoreCase(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> other)
    {
        return System.Text.Ascii.EqualsIgnoreCase(bytes, other);
    }
}
