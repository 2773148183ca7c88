// Inputs that travel with the program: recorded files of the real etcd, and every input that once was a finding.
using System.IO.Compression;
using System.Reflection;

namespace EtcdAot.Tests.Fuzz;

/// <summary>Embedded files.</summary>
internal static class Resources
{
    private static readonly Assembly Here = typeof(Resources).Assembly;

    /// <summary>A recorded file, "Wal/35-empty-kill-m1.wal", unpacked; at most so many bytes of it.</summary>
    public static byte[] Recorded(string name, int lengthMax = int.MaxValue)
    {
        using Stream packed = Here.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException("no recorded file " + name);
        using var unpacked = new GZipStream(packed, CompressionMode.Decompress);
        using var all = new MemoryStream();
        unpacked.CopyTo(all);
        byte[] bytes = all.ToArray();
        return bytes.Length <= lengthMax ? bytes : bytes[..lengthMax];
    }

    /// <summary>Names of the recorded files of a room.</summary>
    public static IEnumerable<string> Of(string room) =>
        Here.GetManifestResourceNames().Where(n => n.StartsWith(room + "/", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    /// <summary>Inputs kept for a target in corpus/NAME/.</summary>
    public static IEnumerable<byte[]> OldFindings(string target)
    {
        foreach (string name in Of("corpus/" + target))
        {
            using Stream stream = Here.GetManifestResourceStream(name)!;
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            yield return bytes;
        }
    }
}
