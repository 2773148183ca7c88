using System.Text;
using EtcdAot.Client;
using EtcdAot.Tests.Conformance.Servers;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Conformance.Datadirs;

/// <summary>Goal: directories that the original left behind (clean, killed, torn, many segments) open with what the
/// original found in them; those that hold what is not built yet end with a sentence and stay usable for it.</summary>
public class ArchiveTests
{
    [Theory]
    [InlineData("34-kill-torn")]
    [InlineData("35-mixed-clean")]
    [InlineData("35-kill-commit")]
    [InlineData("35-manyrev-clean")]
    [InlineData("35-bigval-2seg-clean")]
    [InlineData("35-empty-kill")]
    public void OpensWithWhatTheOriginalFound(string name)
    {
        ArchiveRow row = ArchiveRow.Load(name);
        using var scratch = new Scratch();
        string directory = Path.Combine(scratch.Unpack(name), "m1");
        using (EtcdProcess server = EtcdProcess.Start(Programs.Etcd, directory))
        {
            AssertHolds(row, server.Client);
            StatusResponse status = server.Client.Maintenance.Status(new StatusRequest());
            Assert.Equal(row.ClusterId, status.Header.ClusterId.ToString("x"));
            Assert.Equal(row.MemberId("m1"), status.Header.MemberId.ToString("x"));
            server.Stop();
        }

        // What we left behind opens again, with us and with the original.
        using (EtcdProcess again = EtcdProcess.Start(Programs.Etcd, scratch.Copy(directory, "again")))
        {
            AssertHolds(row, again.Client);
        }

        using EtcdProcess original = EtcdProcess.Start(Programs.Oracle("3.5", "etcd"), directory);
        AssertHolds(row, original.Client);
    }

    [Theory]
    [InlineData("34-mixed-clean", "changes v2 keys, and the v2 API is not built yet")]
    [InlineData("35-v2-clean", "changes v2 keys, and the v2 API is not built yet")]
    public void EndsWithASentenceBeforeV2Keys(string name, string sentence)
    {
        ArchiveRow row = ArchiveRow.Load(name);
        using var scratch = new Scratch();
        string directory = Path.Combine(scratch.Unpack(name), "m1");
        AssertRefused(directory, sentence);

        // The refusal changed nothing: the original opens it as if we had never tried.
        string level = name.StartsWith("34", StringComparison.Ordinal) ? "3.4" : "3.5";
        using EtcdProcess original = EtcdProcess.Start(Programs.Oracle(level, "etcd"), directory, "--enable-v2");
        AssertHolds(row, original.Client);
    }

    [Theory]
    [InlineData("34-three-learner-kill")]
    [InlineData("35-three-learner-kill")]
    [InlineData("35-snapdb-pending-kill")]
    public void EndsWithASentenceBeforeSeveralMembers(string name)
    {
        ArchiveRow row = ArchiveRow.Load(name);
        using var scratch = new Scratch();
        string unpacked = scratch.Unpack(name);
        foreach (string member in row.Directories)
        {
            AssertRefused(Path.Combine(unpacked, member), "belongs to a cluster of several members, which is not built yet");
        }
    }

    private static void AssertRefused(string directory, string sentence)
    {
        ToolResult result = EtcdProcess.RunToEnd(Programs.Etcd, directory);
        string log = Encoding.UTF8.GetString(result.Error);
        Assert.True(result.Exit == 1, $"exit {result.Exit}\n{log}");
        string last = log.TrimEnd('\n').Split('\n')[^1];
        Assert.Contains("\"level\":\"fatal\"", last, StringComparison.Ordinal);
        Assert.Contains(sentence, last, StringComparison.Ordinal);
    }

    internal static void AssertHolds(ArchiveRow row, EtcdClient client)
    {
        foreach ((long revision, string sha256, int count) in row.Digests)
        {
            Assert.Equal((sha256, count), KeySpace.Digest(client, revision));
        }

        foreach ((long revision, uint hash, long compacted) in row.Hashes)
        {
            (uint Hash, long Compacted, long) found = KeySpace.HashKv(client, revision);
            Assert.Equal((revision, hash, compacted), (revision, found.Hash, found.Compacted));
        }

        Assert.Equal(row.Leases, KeySpace.Leases(client));
        Assert.Equal(row.Alarms, KeySpace.Alarms(client));
    }
}
