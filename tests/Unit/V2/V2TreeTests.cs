using System.Text;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.V2;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.V2;

/// <summary>Goal: the v2 tree of a real .snap file is carried on byte for byte, user keys and event history included, and
/// its cluster part changes as the original changes it.</summary>
public class V2TreeTests
{
    [Theory]
    [InlineData("34-three-learner-kill-m1.snap", false, "3.4.0")]
    [InlineData("35-v2-clean-m1.snap", true, "3.5.0")]
    [InlineData("35-three-learner-kill-m5.snap", false, "3.5.0")]
    [InlineData("36-mixed-clean-m1.snap", false, "3.6.0")]
    [InlineData("37-mixed-clean-m1.snap", false, "3.7.0")]
    public void RealTreesAreCarriedOnByteForByte(string name, bool userKeys, string version)
    {
        byte[] json = Json(name);
        Assert.True(V2Tree.TryLoad(json, out V2Tree? tree, out string problem), problem);
        Assert.Equal(Encoding.UTF8.GetString(json), Encoding.UTF8.GetString(tree!.Save()));
        Assert.Equal(userKeys, tree.HasUserKeys);
        Assert.Equal(version, tree.Version);
        Assert.True(tree.TryReadMembers(out List<V2Member> members, out _));
        Assert.NotEmpty(members);
    }

    [Fact]
    public void MembersAndRemovedOfARealTree()
    {
        Assert.True(V2Tree.TryLoad(Json("35-three-learner-kill-m5.snap"), out V2Tree? tree, out _));
        Assert.True(tree!.TryReadMembers(out List<V2Member> members, out _));
        Assert.Equal(
            [5987681126904110945, 12515031445211566947, 13803181751886469631, 14169090751086541307],
            members.Select(m => m.Id));
        Assert.Equal(
            "{\"peerURLs\":[\"http://127.0.0.1:26219\"],\"isLearner\":true}",
            Encoding.UTF8.GetString(members[0].RaftAttributes));
        Assert.Single(tree.ReadRemoved());
    }

    [Fact]
    public void TheSameStepsGiveTheSameClusterPartAsTheOriginal()
    {
        // The recorded cluster: three founders, attributes, version, a fourth member added and removed, a learner.
        Assert.True(V2Tree.TryLoad(Json("35-three-learner-kill-m5.snap"), out V2Tree? recorded, out _));
        Assert.True(recorded!.TryReadMembers(out List<V2Member> m, out _));
        ulong removed = recorded.ReadRemoved()[0];
        V2Tree ours = V2Tree.Create();
        ours.AddMember(m[1].Id, m[1].RaftAttributes);
        ours.AddMember(m[2].Id, m[2].RaftAttributes);
        ours.AddMember(m[3].Id, m[3].RaftAttributes);
        ours.SetAttributes(m[1].Id, m[1].Attributes);
        ours.SetAttributes(m[2].Id, m[2].Attributes);
        ours.SetAttributes(m[3].Id, m[3].Attributes);
        ours.SetVersion("3.5.0");
        ours.AddMember(removed, "{}"u8);
        ours.SetAttributes(removed, "{}"u8);
        ours.RemoveMember(removed);
        ours.AddMember(m[0].Id, m[0].RaftAttributes);
        ours.SetAttributes(m[0].Id, "{}"u8);
        ours.SetAttributes(m[0].Id, m[0].Attributes);
        Assert.Equal(RootOf(recorded), RootOf(ours));
        Assert.Equal(recorded.CurrentIndex, ours.CurrentIndex);
    }

    [Fact]
    public void ANewTreeIsWholeAndReadsBack()
    {
        V2Tree tree = V2Tree.Create();
        tree.AddMember(0xab, "{\"peerURLs\":[\"http://a:1\"]}"u8);
        tree.SetAttributes(0xab, "{\"name\":\"a&b\"}"u8);
        tree.UpdateMember(0xab, "{\"peerURLs\":[\"http://a:2\"]}"u8);
        string text = Encoding.UTF8.GetString(tree.Save());
        Assert.Contains("\"1\":{\"Path\":\"/1\",\"CreatedIndex\":0,\"ModifiedIndex\":0,"
            + "\"ExpireTime\":\"0001-01-01T00:00:00Z\",\"Value\":\"\",\"Children\":{}}", text, StringComparison.Ordinal);
        Assert.Contains("\"Value\":\"{\\\"name\\\":\\\"a\\u0026b\\\"}\",\"Children\":null", text, StringComparison.Ordinal);
        Assert.Equal(1000, text.Split("null").Length - 1 - 2);
        Assert.EndsWith(",\"watchers\":0},\"CurrentVersion\":2}", text, StringComparison.Ordinal);
        Assert.True(V2Tree.TryLoad(tree.Save(), out V2Tree? back, out _));
        Assert.Equal(text, Encoding.UTF8.GetString(back!.Save()));
        Assert.False(back.HasUserKeys);
        Assert.Equal(3UL, back.CurrentIndex);
    }

    [Fact]
    public void TheMinimalFormIsRead()
    {
        byte[] minimal = Encoding.UTF8.GetBytes(
            """
            { "Root": { "Path": "/", "Children": { "0": { "Path": "/0", "Children": { "version":
              { "Path": "/0/version", "Value": "3.5.0" } } } } }, "CurrentIndex": 18446744073709551615, "CurrentVersion": 2 }
            """);
        Assert.True(V2Tree.TryLoad(minimal, out V2Tree? tree, out string problem), problem);
        Assert.Equal("3.5.0", tree!.Version);
        Assert.Contains("\"CurrentIndex\":18446744073709551615,", Encoding.UTF8.GetString(tree.Save()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{\"Root\":null}")]
    [InlineData("{\"Root\":{\"Children\":null}}")]
    [InlineData("{\"Root\":{\"Children\":{\"0\":[]}}}")]
    [InlineData("{\"Root\":{\"Children\":{}},\"CurrentIndex\":1.5}")]
    [InlineData("{\"Root\":{\"Children\":{}}} x")]
    [InlineData("{\"Root\":{\"Children\":{\"1\":{\"Value\":\"")]
    public void MalformedTreesGiveASentence(string json)
    {
        Assert.False(V2Tree.TryLoad(Encoding.UTF8.GetBytes(json), out _, out string problem));
        Assert.StartsWith("v2 store: ", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void RequestsAreWrittenAsTheOriginalWritesThem()
    {
        byte[] put = V2Request.PutVersion(5, "3.5.0");
        Assert.Equal(
            "08051203505554" + "1a0a2f302f76657273696f6e" + "2205332e352e30"
                + "28003200380048005000580060006800700078008001" + "00",
            Convert.ToHexStringLower(put));
        Assert.True(V2Request.IsV2(put));
        Assert.True(V2Request.TryParse(put, out V2Request request));
        Assert.Equal(V2RequestKind.ClusterVersion, request.Classify(true, out _));
        Assert.Equal(V2RequestKind.MemberAttributes, Classify(V2Request.PutAttributes(1, 0xabc, "{}"u8), false, out ulong id));
        Assert.Equal(0xabcUL, id);
        Assert.Equal(5UL, EtcdAot.Wire.Etcdserverpb.Request.Parser.ParseFrom(put).ID);
    }

    [Fact]
    public void KindsOfRequests()
    {
        Assert.Equal(V2RequestKind.NoEffect, Classify(Raw("QGET", ""), true, out _));
        Assert.Equal(V2RequestKind.NoEffect, Classify(Raw("SYNC", ""), false, out _));
        Assert.Equal(V2RequestKind.NotBuiltYet, Classify(Raw("SYNC", ""), true, out _));
        Assert.Equal(V2RequestKind.NotBuiltYet, Classify(Raw("PUT", "/1/a"), false, out _));
        Assert.Equal(V2RequestKind.NotBuiltYet, Classify(Raw("DELETE", "/0/version"), false, out _));
        Assert.Equal(V2RequestKind.NotBuiltYet, Classify(Raw("PUT", "/0/members/xyz/attributes"), false, out _));
        Assert.Equal(V2RequestKind.NotBuiltYet, Classify(Raw("PUT", "/0/members/attributes"), false, out _));

        // InternalRaftRequests: a put, an alarm, only a header.
        Assert.False(V2Request.IsV2(Convert.FromHexString("22080a026b3112027631a206020801")));
        Assert.False(V2Request.IsV2(Convert.FromHexString("5200a206020801")));
        Assert.False(V2Request.IsV2([]));
        Assert.False(V2Request.IsV2([0x12, 3, 1, 2, 3]));
    }

    private static V2RequestKind Classify(byte[] data, bool userKeys, out ulong id)
    {
        Assert.True(V2Request.IsV2(data));
        Assert.True(V2Request.TryParse(data, out V2Request request));
        return request.Classify(userKeys, out id);
    }

    private static byte[] Raw(string method, string path)
    {
        var request = new EtcdAot.Wire.Etcdserverpb.Request
        {
            ID = 1,
            Method = Google.Protobuf.ByteString.CopyFromUtf8(method),
            Path = Google.Protobuf.ByteString.CopyFromUtf8(path),
        };
        return Google.Protobuf.MessageExtensions.ToByteArray(request);
    }

    private static byte[] Json(string name)
    {
        Assert.True(SnapFileView.TryParse(Recorded.Read("V2/data/" + name), out SnapFileView file));
        Assert.True(SnapshotView.TryParse(file.Data, out SnapshotView view));
        return view.Data.ToArray();
    }

    private static string RootOf(V2Tree tree)
    {
        string text = Encoding.UTF8.GetString(tree.Save());
        return text[..text.IndexOf(",\"WatcherHub\"", StringComparison.Ordinal)];
    }
}
