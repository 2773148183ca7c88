// A file whose creation lost its power: parts of the four pages of a new file, the rest zero or missing. It holds nothing, and
// the original would never open it again. Start-up thread; reads only.
using EtcdAot.Sys;

namespace EtcdAot.Bolt;

/// <summary>Recognises what an unfinished creation leaves.</summary>
public static class UnfinishedFile
{
    private const int Sector = 512;

    /// <summary>True when a file is there, is not empty and not whole, and each of its sectors is zero or that of a new
    /// file. Nothing but a creation writes such a file: the first commit makes it longer.</summary>
    public static bool Is(IDisk disk, string path)
    {
        byte[] whole = Db.NewFile(Environment.SystemPageSize);
        byte[] found = new byte[whole.Length];
        if (disk.Open(path, OpenFlags.Read, 0, out IDiskFile? file).Failed)
        {
            return false;
        }

        bool read = !file!.Length(out long length).Failed && length > 0 && length <= whole.Length;
        int got = 0;
        read = read && !file.ReadAt(found, 0, out got).Failed;
        file.Dispose();
        return read && !found.AsSpan(0, got).SequenceEqual(whole) && IsPartOf(found.AsSpan(0, got), whole);
    }

    private static bool IsPartOf(ReadOnlySpan<byte> found, ReadOnlySpan<byte> whole)
    {
        for (int at = 0; at < found.Length; at += Sector)
        {
            ReadOnlySpan<byte> sector = found.Slice(at, Math.Min(Sector, found.Length - at));
            if (sector.ContainsAnyExcept((byte)0) && !sector.SequenceEqual(whole.Slice(at, sector.Length)))
            {
                return false;
            }
        }

        return true;
    }
}
