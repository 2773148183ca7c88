using System.IO.Compression;

namespace EtcdAot.Tests.Unit.Fakes;

/// <summary>Files written by the real etcd, kept compressed beside the tests.</summary>
internal static class Recorded
{
    /// <summary>The file "Room/data/name" (without .gz), zero-extended to at least a length.</summary>
    public static byte[] Read(string name, int atLeast = 0)
    {
        using Stream? packed = typeof(Recorded).Assembly.GetManifestResourceStream(name + ".gz");
        Assert.True(packed is not null, "no recorded file " + name);
        using var unpacked = new GZipStream(packed, CompressionMode.Decompress);
        using var all = new MemoryStream();
        unpacked.CopyTo(all);
        byte[] bytes = all.ToArray();
        if (bytes.Length < atLeast)
        {
            Array.Resize(ref bytes, atLeast);
        }

        return bytes;
    }
}
