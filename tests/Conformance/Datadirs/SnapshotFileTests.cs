using System.Text.Json;
using EtcdAot.Tests.Conformance.Servers;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Conformance.Datadirs;

/// <summary>Goal: files of the original's `snapshot save` are shown and restored by our tools, and what was restored opens
/// with us and with the original as the source did; the same for a file that we saved.</summary>
public class SnapshotFileTests
{
    [Theory]
    [InlineData("snap-34.db")]
    [InlineData("snap-35.db")]
    public void RecordedFileIsShownAndRestored(string name)
    {
        JsonElement row = ArchiveRow.Find("snapshots.jsonl", name);
        using var scratch = new Scratch();
        string file = scratch.UnpackFile(name);
        foreach (JsonProperty form in row.GetProperty("status").EnumerateObject())
        {
            string shown = ToolProcess.Check(Programs.Etcdctl, "snapshot", "status", file, "-w", form.Name);
            Assert.Equal(form.Value.GetString(), shown);
        }

        ArchiveRow source = ArchiveRow.Load(row.GetProperty("source").GetString()!);
        string restored = Restore(scratch, file, "restored");
        string copy = scratch.Copy(restored, "copy");
        AssertOpens(Programs.Etcd, restored, source);
        AssertOpens(Programs.Oracle("3.5", "etcd"), restored, source);
        AssertOpens(Programs.Oracle("3.5", "etcd"), copy, source);
        AssertOpens(Programs.Etcd, copy, source);
    }

    [Fact]
    public void OurFileIsShownAndRestoredByTheOriginal()
    {
        ArchiveRow row = ArchiveRow.Load("35-mixed-clean");
        using var scratch = new Scratch();
        string file = scratch["ours.db"];
        using (EtcdProcess server = EtcdProcess.Start(
            Programs.Etcd, Path.Combine(scratch.Unpack("35-mixed-clean"), "m1")))
        {
            string said = ToolProcess.Check(Programs.Etcdctl, "--endpoints", server.Endpoint, "snapshot", "save", file);
            Assert.Contains("Snapshot saved at " + file, said, StringComparison.Ordinal);
        }

        string etcdutl = Programs.Oracle("3.5", "etcdutl");
        Assert.Equal(
            ToolProcess.Check(etcdutl, "snapshot", "status", file, "-w", "json"),
            ToolProcess.Check(Programs.Etcdctl, "snapshot", "status", file, "-w", "json"));
        string restored = scratch["theirs"];
        ToolProcess.Check(etcdutl, "snapshot", "restore", file, "--data-dir", restored, "--name", "m1",
            "--initial-cluster", "m1=http://127.0.0.1:1", "--initial-advertise-peer-urls", "http://127.0.0.1:1");
        AssertOpens(Programs.Etcd, restored, row);
        AssertOpens(Programs.Oracle("3.5", "etcd"), restored, row);
    }

    private static string Restore(Scratch scratch, string file, string name)
    {
        ToolProcess.Check(Programs.Etcdctl, "snapshot", "restore", file, "--data-dir", scratch[name], "--name", "m1",
            "--initial-cluster", "m1=http://127.0.0.1:1", "--initial-advertise-peer-urls", "http://127.0.0.1:1");
        return scratch[name];
    }

    private static void AssertOpens(string program, string directory, ArchiveRow source)
    {
        using EtcdProcess server = EtcdProcess.Start(program, directory);
        ArchiveTests.AssertHolds(source, server.Client);
        MemberListResponse members = server.Client.Cluster.MemberList(new MemberListRequest());
        Assert.Equal(["m1"], members.Members.Select(static m => m.Name));
        server.Stop();
    }
}
