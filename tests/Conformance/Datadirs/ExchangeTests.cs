using EtcdAot.Bolt;
using EtcdAot.Sys;
using EtcdAot.Tests.Conformance.Servers;

namespace EtcdAot.Tests.Conformance.Datadirs;

/// <summary>Goal: a directory killed under mixed load opens on the other side with the same contents as on its own: the
/// original's with us, ours with the original and with its offline tools.</summary>
public class ExchangeTests
{
    private const long Requests = 1500;
    private const int Seed = 20_260;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    [Theory]
    [InlineData("3.4", 1)]
    [InlineData("3.5", 2)]
    public void KilledOriginalOpensWithUs(string level, int round)
    {
        using var scratch = new Scratch();
        string program = Programs.Oracle(level, "etcd");
        string written = WriteAndKill(scratch, program, Seed + (round * 100));
        Contents expected = Contents.Of(program, scratch.Copy(written, "expected"));
        Contents found = Contents.Of(Programs.Etcd, scratch.Copy(written, "ours"));
        Assert.Equal(expected, found);
        Assert.True(found.Digest.Count > 100, "the load left something behind");

        // The original still takes what we made of it. 3.5 decides this: our cluster version is 3.5.
        Assert.Equal(expected, Contents.Of(Programs.Oracle("3.5", "etcd"), scratch["ours"]));
    }

    [Fact]
    public void OursKilledOpensWithTheOriginal()
    {
        using var scratch = new Scratch();
        string written = WriteAndKill(scratch, Programs.Etcd, Seed);
        string etcdutl = Programs.Oracle("3.5", "etcdutl");
        string db = Path.Combine(scratch.Copy(written, "tools"), "member", "snap", "db");
        AssertSound(db);
        ToolProcess.Check(etcdutl, "snapshot", "status", db);

        Contents ours = Contents.Of(Programs.Etcd, scratch.Copy(written, "ours"));
        Contents theirs = Contents.Of(Programs.Oracle("3.5", "etcd"), scratch.Copy(written, "theirs"));
        Assert.Equal(theirs, ours);
        Assert.True(ours.Digest.Count > 100, "the load left something behind");

        // After an orderly end as well, through the offline tools.
        string stopped = scratch["ours"];
        db = Path.Combine(stopped, "member", "snap", "db");
        AssertSound(db);
        ToolProcess.Check(etcdutl, "snapshot", "status", db);
        ToolProcess.Check(etcdutl, "defrag", "--data-dir", stopped);
        AssertSound(db);
        Assert.Equal(theirs, Contents.Of(Programs.Oracle("3.5", "etcd"), scratch.Copy(stopped, "defragmented")));
        Assert.Equal(theirs, Contents.Of(Programs.Etcd, stopped));
    }

    private static string WriteAndKill(Scratch scratch, string program, int seed)
    {
        string directory = scratch["written"];
        using EtcdProcess server = EtcdProcess.Start(program, directory, "--snapshot-count", "300");
        var load = new MixedLoad(server.Client, seed);
        load.Start();
        load.Await(Requests, Limit);
        server.Kill();
        load.Join();
        return directory;
    }

    private static void AssertSound(string db)
    {
        var options = new DbOptions { ReadOnly = true };
        BoltError error = Db.Open(LinuxDisk.Instance, db, options, out Db? opened);
        Assert.False(error.Failed, error.Text);
        using (opened)
        {
            Assert.Empty(opened!.Check());
        }
    }

    /// <summary>What a server says of a directory; compared as a whole.</summary>
    private sealed record Contents(
        (uint Hash, long Compacted, long Revision) Hash, (uint Hash, long Compacted, long Revision) Middle,
        (string Sha256, int Count) Digest, string Leases)
    {
        public static Contents Of(string program, string directory)
        {
            using EtcdProcess server = EtcdProcess.Start(program, directory);
            (uint Hash, long Compacted, long Revision) hash = KeySpace.HashKv(server.Client, 0);
            long middle = (Math.Max(1, hash.Compacted) + hash.Revision) / 2;
            var contents = new Contents(
                hash, KeySpace.HashKv(server.Client, middle), KeySpace.Digest(server.Client, 0),
                string.Join('\n', KeySpace.Leases(server.Client)));
            server.Stop();
            return contents;
        }
    }
}
