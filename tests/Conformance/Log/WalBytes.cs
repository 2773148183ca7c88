// Damages a log on disk the way the recordings did. It finds records by itself, without our reader.
using System.Buffers.Binary;

namespace EtcdAot.Tests.Conformance.Log;

/// <summary>The newest segment of a member's log.</summary>
internal static class WalBytes
{
    private const int Header = 8;
    private const int Sector = 512;

    /// <summary>Zeroes two sectors in the middle of the last large record: it was never wholly written.</summary>
    public static void ZeroTail(string dataDirectory)
    {
        Change(dataDirectory, static (file, at, _) =>
        {
            file.Position = ((at + Header + Sector) / Sector * Sector) + Sector;
            file.Write(new byte[2 * Sector]);
        });
    }

    /// <summary>Ends the file in the middle of the last large record.</summary>
    public static void Truncate(string dataDirectory)
    {
        Change(dataDirectory, static (file, at, length) => file.SetLength(at + Header + (length / 2)));
    }

    /// <summary>Turns a bit in the middle of the last large record.</summary>
    public static void TurnBit(string dataDirectory)
    {
        Change(dataDirectory, static (file, at, length) =>
        {
            file.Position = at + Header + (length / 2);
            int old = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(old ^ 1));
        });
    }

    private static void Change(string dataDirectory, Action<FileStream, long, long> change)
    {
        string path = Directory.GetFiles(Path.Combine(dataDirectory, "member", "wal"), "*.wal").Order().Last();
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        (long at, long length) = (-1, 0);
        var header = new byte[Header];
        for (long offset = 0; file.ReadAtLeast(header, Header, throwOnEndOfStream: false) == Header;)
        {
            long field = BinaryPrimitives.ReadInt64LittleEndian(header);
            long bytes = field & 0x00FF_FFFF_FFFF_FFFF;
            if (field == 0)
            {
                break;
            }

            if (bytes > 4 * Sector)
            {
                (at, length) = (offset, bytes);
            }

            offset += Header + bytes + (field < 0 ? (field >> 56) & 7 : 0);
            file.Position = offset;
        }

        Assert.True(at > 0, $"{path} holds no large record");
        change(file, at, length);
    }
}
