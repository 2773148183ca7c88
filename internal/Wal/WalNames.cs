// Names in the wal directory (spec storage §5.1): <seq16>-<index16>.wal, N.tmp, .broken. Stateless; any thread.
using System.Globalization;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Wal;

/// <summary>A segment's name, taken apart.</summary>
/// <param name="Sequence">Grows by one with each segment.</param>
/// <param name="Index">Index of the first entry that may be inside.</param>
public readonly record struct SegmentName(ulong Sequence, ulong Index)
{
    public const string Suffix = ".wal";

    /// <summary>The file name.</summary>
    public override string ToString() => $"{Sequence:x16}-{Index:x16}{Suffix}";

    /// <summary>Takes a file name apart; false when it is not a segment's.</summary>
    public static bool TryParse(string name, out SegmentName segment)
    {
        segment = default;
        if (name.Length != 33 + Suffix.Length || name[16] != '-' || !name.EndsWith(Suffix, StringComparison.Ordinal)
            || !TryParseHex16(name.AsSpan(0, 16), out ulong sequence)
            || !TryParseHex16(name.AsSpan(17, 16), out ulong index))
        {
            return false;
        }

        segment = new SegmentName(sequence, index);
        return true;
    }

    /// <summary>Sixteen hex digits and nothing else.</summary>
    internal static bool TryParseHex16(ReadOnlySpan<char> digits, out ulong value)
    {
        return ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            && digits.Length == 16;
    }

    /// <summary>Segments of a directory in their order. A directory that is absent has none; any other failure of the
    /// listing is an error, never "no WAL" (§10a.5).</summary>
    internal static WalError List(IDisk disk, string directory, Log log, out List<SegmentName> segments)
    {
        segments = [];
        Errno e = disk.List(directory, out DirectoryEntry[] entries);
        if (e.Failed)
        {
            return e == Errno.NoEntry ? WalError.NotFound() : WalError.Disk("open", directory, e);
        }

        foreach (DirectoryEntry entry in entries)
        {
            if (TryParse(entry.Name, out SegmentName segment))
            {
                segments.Add(segment);
            }
            else if (!entry.Name.EndsWith(".tmp", StringComparison.Ordinal))
            {
                log.Warn("wal/util.go:90", "ignored file in WAL directory").With("path", entry.Name).Write();
            }
        }

        return segments.Count == 0 ? WalError.NotFound() : WalError.None;
    }

    /// <summary>The segments needed to read from an index on: the last whose name's index is not above it, and all
    /// after it, with contiguous numbers (§5.8.2).</summary>
    internal static WalError SelectFrom(List<SegmentName> all, ulong index, out List<SegmentName> selected)
    {
        selected = [];
        int first = all.FindLastIndex(s => s.Index <= index);
        if (first < 0)
        {
            return WalError.NotFound();
        }

        for (int i = first; i < all.Count; i++)
        {
            if (i > first && all[i].Sequence != all[i - 1].Sequence + 1)
            {
                return WalError.NotFound();
            }

            selected.Add(all[i]);
        }

        return WalError.None;
    }
}
