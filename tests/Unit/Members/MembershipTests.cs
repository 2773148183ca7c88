using System.Text;
using EtcdAot.Members;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Tests.Unit.Members;

/// <summary>Goal: conf changes are checked in the original's order with its texts, and what they leave behind in memory and
/// in the buckets is what it would leave.</summary>
public class MembershipTests
{
    private readonly Membership _members = new(7);
    private readonly Store _store = new();

    [Fact]
    public void JsonFormsAreByteForByteTheOriginals()
    {
        var member = new Member(18446744073709551615, ["http://a:1?x=1&y=<2>"]) { Name = "n\"\u2028é", IsLearner = true };
        Assert.Equal(
            "{\"id\":18446744073709551615,\"peerURLs\":[\"http://a:1?x=1\\u0026y=\\u003c2\\u003e\"],\"isLearner\":true,"
                + "\"name\":\"n\\\"\\u2028é\"}",
            Encoding.UTF8.GetString(MemberJson.Flat(member)));
        Assert.Equal("{\"id\":5,\"peerURLs\":null,\"isPromote\":true}", Encoding.UTF8.GetString(MemberJson.PromoteContext(5)));
        Assert.Equal("{}", Encoding.UTF8.GetString(MemberJson.Attributes(new Member(1, []))));
        Assert.Equal(
            "{\"name\":\"a\",\"clientURLs\":[\"http://127.0.0.1:2379\"]}",
            Encoding.UTF8.GetString(MemberJson.Attributes(
                new Member(1, []) { Name = "a", ClientUrls = ["http://127.0.0.1:2379"] })));
        Assert.True(MemberJson.TryRead(MemberJson.Flat(member), new Member(0, []), out Member back, out _));
        Assert.Equal((member.Id, member.Name, member.IsLearner), (back.Id, back.Name, back.IsLearner));
        Assert.Equal(member.PeerUrls, back.PeerUrls);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"id\":1.5}")]
    [InlineData("{\"id\":-1}")]
    [InlineData("{\"id\":1")]
    [InlineData("{\"id\":1}{")]
    [InlineData("{\"peerURLs\":[1]}")]
    [InlineData("{\"name\":3}")]
    [InlineData("{\"name\":\"\\ud800\"}")]
    public void MalformedJsonIsRefusedWithoutAThrow(string json)
    {
        Assert.False(MemberJson.TryRead(Encoding.UTF8.GetBytes(json), new Member(0, []), out _, out _));
    }

    [Fact]
    public void AMembersLife()
    {
        Assert.Equal(MembershipError.None, Do(Add(1, "http://a:1")));
        Assert.Equal(MembershipError.IdExists, Do(Add(1, "http://b:1")));
        Assert.Equal(MembershipError.PeerUrlExists, Do(Add(2, "http://a:1")));
        Assert.Equal(MembershipError.None, Do(Learner(2, "http://b:1")));
        Assert.Equal(MembershipError.TooManyLearners, Do(Learner(3, "http://c:1")));
        Assert.Equal(MembershipError.NotLearner, Do(Promote(1)));
        Assert.Equal(MembershipError.IdNotFound, Do(Promote(9)));
        Assert.Equal([2UL], _members.LearnerIds());
        Assert.True(_members.SetAttributes(2, "two", ["http://b:2"], _store));
        Assert.Equal(MembershipError.None, Do(Promote(2)));
        Assert.Equal("{\"id\":2,\"peerURLs\":[\"http://b:1\"],\"name\":\"two\",\"clientURLs\":[\"http://b:2\"]}", _store.Text("2"));
        Assert.Equal(MembershipError.PeerUrlExists, Do(Update(2, "http://a:1")));
        Assert.Equal(MembershipError.IdNotFound, Do(Update(9, "http://x:1")));
        Assert.Equal(MembershipError.None, Do(Update(2, "http://z:1")));
        Assert.Equal("two", _members.Find(2)!.Name);
        Assert.Equal(MembershipError.None, Do(Remove(2)));
        Assert.Equal("removed", _store.Removed("2"));
        Assert.Null(_store.Text("2"));
        Assert.Equal(MembershipError.IdRemoved, Do(Add(2, "http://q:1")));
        Assert.Equal(MembershipError.IdRemoved, Do(Remove(2)));
        Assert.Equal(MembershipError.IdNotFound, Do(Remove(8)));
        Assert.False(_members.SetAttributes(2, "x", [], _store));
        Assert.True(_members.IsRemoved(2));
        Assert.Equal([1UL], _members.VoterIds());
    }

    [Fact]
    public void ABadContextIsFatal()
    {
        Assert.Equal(MembershipError.BadContext, Do(Change(ConfChangeType.ConfChangeAddNode, 1, "nonsense"u8.ToArray())));
        Assert.Equal(MembershipError.BadContext, Do(Change(ConfChangeType.ConfChangeAddNode, 1, [])));
        MembershipError wrong = Do(Change(ConfChangeType.ConfChangeAddNode, 1, MemberJson.Flat(new Member(2, []))));
        Assert.Equal("got different member ID", wrong.Text());
        Assert.True(wrong.IsFatal());
        Assert.False(MembershipError.IdExists.IsFatal());
    }

    [Fact]
    public void ReplayTouchesNoBucketAndReconcileRemovesZombies()
    {
        Assert.Equal(MembershipError.None, Do(Add(1, "http://a:1"), persist: false));
        Assert.Null(_store.Text("1"));
        _store.Put(MemberBucket.Members, "ff"u8, MemberJson.Flat(new Member(255, ["http://old:1"])));
        _members.Reconcile(_store);
        Assert.Equal("removed", _store.Removed("ff"));
        Assert.Null(_store.Text("ff"));
        Assert.NotNull(_store.Text("1"));
        _members.SetVersion("3.5.0", _store);
        var again = new Membership(7);
        Assert.True(again.TryRecover(_store, out _));
        Assert.Equal("3.5.0", again.Version);
        Assert.Equal([1UL], again.VoterIds());
        Assert.True(again.IsRemoved(255));
    }

    private static byte[] Add(ulong id, string url) =>
        Change(ConfChangeType.ConfChangeAddNode, id, MemberJson.AddContext(new Member(id, [url])));

    private static byte[] Learner(ulong id, string url) => Change(
        ConfChangeType.ConfChangeAddLearnerNode, id, MemberJson.AddContext(new Member(id, [url]) { IsLearner = true }));

    private static byte[] Update(ulong id, string url) =>
        Change(ConfChangeType.ConfChangeUpdateNode, id, MemberJson.AddContext(new Member(id, [url])));

    private static byte[] Promote(ulong id) => Change(ConfChangeType.ConfChangeAddNode, id, MemberJson.PromoteContext(id));

    private static byte[] Remove(ulong id) => Change(ConfChangeType.ConfChangeRemoveNode, id, []);

    private static byte[] Change(ConfChangeType type, ulong id, byte[] context)
    {
        var view = new ConfChangeView { Id = 77, Type = type, NodeId = id, Context = context };
        byte[] bytes = new byte[view.Size];
        view.WriteTo(bytes);
        Assert.Equal(id, ConfChange.Parser.ParseFrom(bytes).NodeId);
        return bytes;
    }

    private MembershipError Do(byte[] encoded, bool persist = true)
    {
        Assert.True(ConfChangeView.TryParse(encoded, out ConfChangeView view));
        MembershipError error = _members.Check(view, out MemberChange? change);
        Assert.Equal(error == MembershipError.None, change is not null);
        if (change is not null)
        {
            _members.Apply(change, persist ? _store : null);
        }

        return error;
    }

    private sealed class Store : IMemberStore
    {
        private readonly SortedDictionary<string, byte[]>[] _buckets =
        [
            new(StringComparer.Ordinal), new(StringComparer.Ordinal), new(StringComparer.Ordinal),
        ];

        public void Put(MemberBucket bucket, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
            _buckets[(int)bucket][Encoding.ASCII.GetString(key)] = value.ToArray();

        public void Delete(MemberBucket bucket, ReadOnlySpan<byte> key) =>
            _buckets[(int)bucket].Remove(Encoding.ASCII.GetString(key));

        public IReadOnlyList<(byte[] Key, byte[] Value)> ReadAll(MemberBucket bucket) =>
            [.. _buckets[(int)bucket].Select(p => (Encoding.ASCII.GetBytes(p.Key), p.Value))];

        public string? Text(string hex) =>
            _buckets[0].TryGetValue(hex, out byte[]? v) ? Encoding.UTF8.GetString(v) : null;

        public string? Removed(string hex) =>
            _buckets[1].TryGetValue(hex, out byte[]? v) ? Encoding.UTF8.GetString(v) : null;
    }
}
