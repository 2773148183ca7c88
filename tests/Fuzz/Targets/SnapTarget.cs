// .snap files and what they hold: the v2 tree and the members in it.
using System.Text;
using EtcdAot.Members;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.Tests.Unit.Fakes;
using EtcdAot.V2;
using EtcdAot.Wal;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {0, a .snap file} or {1, a raft snapshot to which a right checksum is put}.</summary>
internal sealed class SnapTarget : FuzzTarget
{
    public override string Name => "snap";

    public override string About => "a .snap file, with and without a right checksum";

    public override int LengthMax => 64 * 1024;

    public override IEnumerable<byte[]> Seeds()
    {
        foreach (string name in Resources.Of("V2"))
        {
            yield return [0, .. Resources.Recorded(name)];
        }

        yield return [1, .. Messages.SnapshotBytes("{\"Root\":{\"Path\":\"/\",\"Children\":{}}}"u8)];
    }

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        bool good = ProtoMutator.TryMutate(input.AsSpan(Math.Min(1, input.Length)), random, out byte[] file);
        changed = good ? [(byte)random.Below(2), .. file] : input;
        return good;
    }

    public override string Run(byte[] input)
    {
        byte[] file = input.Length == 0 ? [] : input[1..];
        if (input.Length > 0 && (input[0] & 1) != 0)
        {
            byte[] inner = file;
            var view = new SnapFileView { Crc = Crc32C.Append(0, inner), Data = inner };
            file = new byte[view.Size];
            var writer = new ProtoWriter(file);
            view.WriteTo(ref writer);
        }

        var disk = new FaultyDisk();
        disk.Put("/s/" + SnapFiles.NameOf(2, 4), file);
        var files = new SnapFiles(disk, "/s", SystemRandomness.Instance, Log.None);
        WalError e = files.Read(SnapFiles.NameOf(2, 4), out LoadedSnapshot? snapshot);
        _ = files.LoadNewest([new WalSnapshot(4, 2, null)], out _);
        return e.Failed ? $"-{e.Kind} {e.Text.Split('/')[0]}"
            : $"+{Math.Min(snapshot!.Members.Voters.Length, 9)} {V2JsonTarget.Walk(snapshot.Data)}";
    }
}

/// <summary>Input: the v2 store's JSON.</summary>
internal sealed class V2JsonTarget : FuzzTarget
{
    /// <summary>Pieces of such JSON.</summary>
    public static readonly string[] Words =
    [
        "null", "true", "0", "-1", "18446744073709551615", "18446744073709551616", "1e3", "\"\"", "\"0\"", "{}", "[]", "{", "}", "[", "]",
        "\"Root\":", "\"Children\":", "\"members\":{}", "\"raftAttributes\":{}", "\"removed_members\":{}", "\"\\ud800\"", "\"\xff\"",
        "\"Path\":\"/\"", "\"peerURLs\":null", "\"clientURLs\":[\"x\"]", "\"name\":\"n\"", "\"id\":5", "\"isLearner\":true", "\"isPromote\":true", ",", ":",
    ];

    public override string Name => "v2-json";

    public override string About => "the v2 tree of a snapshot, and its members";

    public override int LengthMax => 64 * 1024;

    public override IEnumerable<byte[]> Seeds()
    {
        V2Tree tree = V2Tree.Create();
        tree.AddMember(0xabc, MemberJson.RaftAttributes(new Member(0xabc, ["http://a:1"])));
        tree.SetAttributes(0xabc, "{\"name\":\"n\",\"clientURLs\":[\"http://a:2\"]}"u8);
        tree.RemoveMember(0xdef);
        tree.SetVersion("3.5.0");
        yield return tree.Save();
        yield return Encoding.UTF8.GetBytes(
            "{\"Root\":{\"Path\":\"/\",\"CreatedIndex\":0,\"ModifiedIndex\":0,\"ExpireTime\":\"0001-01-01T00:00:00Z\","
            + "\"Value\":\"\",\"Children\":{\"0\":{\"Path\":\"/0\",\"Children\":{\"members\":{\"Path\":\"/0/members\",\"Children\":"
            + "{\"1\":{\"Path\":\"/0/members/1\",\"Children\":{\"raftAttributes\":{\"Path\":\"/x\",\"Value\":\"{\\\"peerURLs\\\":[\\\"u\\\"]}\","
            + "\"Children\":null}}}}}}},\"1\":{\"Path\":\"/1\",\"Children\":{\"k\":{\"Value\":\"v\"}}}}},\"CurrentIndex\":4,\"CurrentVersion\":2}");
        byte[] deep = Encoding.UTF8.GetBytes("{\"Root\":{\"Path\":\"/\",\"Children\":{\"1\":" + string.Concat(Enumerable.Repeat("{\"Children\":", 900))
            + "{}" + new string('}', 900) + "}}}");
        yield return deep;
    }

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed) =>
        TextMutator.TryMutate(input, Words, random, out changed);

    public override string Run(byte[] input)
    {
        string walk = Walk(input);
        return walk[0] == '-' ? walk : "+" + walk;
    }

    /// <summary>Reads a tree, its members, changes it and reads it again.</summary>
    public static string Walk(byte[] json)
    {
        if (!V2Tree.TryLoad(json, out V2Tree? tree, out string problem))
        {
            return "-" + string.Concat(problem.Skip(10).Take(16).Where(char.IsAsciiLetter));
        }

        bool hasMembers = tree!.TryReadMembers(out List<V2Member> members, out _);
        int readable = members.Count(static m => MemberJson.TryRead(m.RaftAttributes, new Member(m.Id, []), out _, out _));
        int removed = tree.ReadRemoved().Count;
        bool userKeys = tree.HasUserKeys;
        byte[] saved = tree.Save();
        BrokenPromiseException.Unless(V2Tree.TryLoad(saved, out V2Tree? again, out problem), "what was saved loads: " + problem);
        BrokenPromiseException.Unless(again!.Save().AsSpan().SequenceEqual(saved), "what was saved twice is the same");
        tree.AddMember(9, "{}"u8);
        tree.UpdateMember(9, "{}"u8);
        tree.SetAttributes(9, "{}"u8);
        tree.SetVersion("3.5.0");
        tree.RemoveMember(9);
        return $"tree {hasMembers} {Math.Min(members.Count, 5)} {Math.Min(readable, 5)} {Math.Min(removed, 3)} {userKeys}";
    }
}

/// <summary>Input: {way 1, a conf change, or a member's JSON}.</summary>
internal sealed class MembersTarget : FuzzTarget
{
    public override string Name => "members";

    public override string About => "members' JSON and conf changes against a cluster";

    public override IEnumerable<byte[]> Seeds()
    {
        var member = new Member(5, ["http://a:1", "http://b:\"2\""]) { Name = "né", ClientUrls = ["http://c"], IsLearner = true };
        yield return [0, .. MemberJson.Flat(member)];
        yield return [0, .. MemberJson.RaftAttributes(member)];
        yield return [0, .. MemberJson.Attributes(member)];
        yield return [1, .. Change(0, 5, MemberJson.AddContext(member))];
        yield return [1, .. Change(1, 2, [])];
        yield return [1, .. Change(2, 1, MemberJson.AddContext(new Member(1, ["http://z"])))];
        yield return [1, .. Change(0, 3, MemberJson.PromoteContext(3))];
    }

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        ReadOnlySpan<byte> rest = input.AsSpan(Math.Min(1, input.Length));
        bool isJson = input.Length > 0 && (input[0] & 1) == 0;
        bool good = isJson
            ? TextMutator.TryMutate(rest, V2JsonTarget.Words, random, out byte[] other)
            : ProtoMutator.TryMutate(rest, random, out other);
        changed = good ? [input[0], .. other] : input;
        return good;
    }

    public override string Run(byte[] input)
    {
        ReadOnlySpan<byte> bytes = input.AsSpan(Math.Min(1, input.Length));
        if (input.Length == 0 || (input[0] & 1) == 0)
        {
            bool good = MemberJson.TryRead(bytes, new Member(1, []), out Member member, out bool promote);
            if (good)
            {
                bool again = MemberJson.TryRead(MemberJson.Flat(member), new Member(0, []), out Member second, out _);
                BrokenPromiseException.Unless(again && second.Name == member.Name && second.PeerUrls.SequenceEqual(member.PeerUrls),
                    "a member that is written reads the same");
            }

            return $"{(good ? '+' : '-')}json {member.PeerUrls.Count > 0} {member.Name.Length > 0} {promote} {member.IsLearner}";
        }

        if (!ConfChangeView.TryParse(bytes, out ConfChangeView view))
        {
            return "-change";
        }

        var cluster = new Membership(1);
        cluster.Recover([new Member(1, ["http://x"]), new Member(2, ["http://y"]), new Member(3, ["http://l"]) { IsLearner = true }],
            [4], "3.5.0");
        MembershipError error = cluster.Check(view, out MemberChange? change);
        if (error == MembershipError.None)
        {
            cluster.Apply(change!, store: null);
            _ = cluster.VoterIds();
        }

        return (error == MembershipError.None ? "+" : "-") + $"{error} {view.Type}";
    }

    private static byte[] Change(ulong type, ulong node, byte[] context)
    {
        var view = new ConfChangeView { Id = 1, Type = (Wire.Raftpb.ConfChangeType)type, NodeId = node, Context = context };
        byte[] bytes = new byte[view.Size];
        view.WriteTo(bytes);
        return bytes;
    }
}
