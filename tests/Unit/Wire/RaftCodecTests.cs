using CsCheck;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using Google.Protobuf;
using Raftpb = EtcdAot.Wire.Raftpb;

namespace EtcdAot.Tests.Unit.Wire;

/// <summary>Goal: the hand codecs of raft and WAL messages read what the generated classes write, in the always-emit and in
/// the presence flavour, write bytes the generated classes read back, and never throw on hostile bytes.</summary>
public class RaftCodecTests
{
    private static readonly Gen<Raftpb.ConfState> AnyConfState = Gen.Select(
        Gen.ULong.Array[0, 4], Gen.ULong.Array[0, 3], Gen.ULong.Array[0, 2], Gen.ULong.Array[0, 2], Gen.Bool,
        (v, l, o, n, a) =>
        {
            var state = new Raftpb.ConfState { AutoLeave = a };
            state.Voters.AddRange(v);
            state.Learners.AddRange(l);
            state.VotersOutgoing.AddRange(o);
            state.LearnersNext.AddRange(n);
            return state;
        });

    [Fact]
    public void EntryAgreesWithTheGeneratedCodecInBothDirections()
    {
        Gen.Select(Gen.Int[0, 2], Gen.ULong, Gen.ULong, Gen.Byte.Array[0, 200]).Sample(
            (kind, term, index, data) =>
            {
                using var arena = new SlabArena(1024);
                var entry = new LogEntry
                {
                    Kind = (EntryKind)kind,
                    Term = term,
                    Index = index,
                    Data = arena.Copy(data),
                };
                byte[] ours = new byte[EntryView.SizeOf(entry)];
                var writer = new ProtoWriter(ours);
                EntryView.Write(ref writer, entry);
                Assert.Equal(ours.Length, writer.Position);
                var generated = Raftpb.Entry.Parser.ParseFrom(ours);
                Assert.True(generated.HasType && generated.HasTerm && generated.HasIndex);
                Assert.Equal((kind, term, index), ((int)generated.Type, generated.Term, generated.Index));
                Assert.Equal(data, generated.Data.ToByteArray());

                if (kind == 0)
                {
                    generated.ClearType();
                }

                Assert.True(EntryView.TryParse(generated.ToByteArray(), out EntryView back));
                Assert.Equal((entry.Kind, term, index), (back.Kind, back.Term, back.Index));
                Assert.Equal(data, back.Data.ToArray());
                entry.Data.Release();
            },
            iter: 1000,
            seed: "0000RaftEntr0");
    }

    [Fact]
    public void SpecGoldenBytes()
    {
        Assert.Equal("08001002180a", Hex(new LogEntry { Term = 2, Index = 10 }));
        byte[] state = new byte[DurableStateCodec.SizeOf(new DurableState(1, 0, 1))];
        var writer = new ProtoWriter(state);
        DurableStateCodec.Write(ref writer, new DurableState(1, 0, 1));
        Assert.Equal("080110001801", Convert.ToHexStringLower(state));
        Assert.Equal("08011002", Convert.ToHexStringLower(new WalMetadata(1, 2).ToBytes()));
        var snapshot = new WalSnapshot(5, 2, new ConfiguredMembers([7], []));
        byte[] bytes = new byte[snapshot.Size];
        var w2 = new ProtoWriter(bytes);
        snapshot.WriteTo(ref w2);
        Assert.Equal("080510021a0408072800", Convert.ToHexStringLower(bytes));
    }

    [Fact]
    public void ConfStateAndSnapshotAgreeWithTheGeneratedCodec()
    {
        Gen.Select(AnyConfState, Gen.ULong, Gen.ULong, Gen.Byte.Array[1, 50]).Sample(
            (conf, index, term, data) =>
            {
                var expected = new Raftpb.Snapshot
                {
                    Data = ByteString.CopyFrom(data),
                    Metadata = new Raftpb.SnapshotMetadata { ConfState = conf, Index = index, Term = term },
                };
                byte[] bytes = expected.ToByteArray();
                Assert.True(SnapshotView.TryParse(bytes, out SnapshotView view));
                Assert.Equal(conf.Voters, view.Members.Voters);
                Assert.Equal(conf.LearnersNext, view.Members.LearnersNext);
                Assert.Equal(conf.AutoLeave, view.Members.AutoLeave);
                byte[] ours = new byte[view.Size];
                var writer = new ProtoWriter(ours);
                view.WriteTo(ref writer);
                Assert.Equal(bytes, ours);
            },
            iter: 500,
            seed: "0000ConfStat0");
    }

    [Fact]
    public void PackedListsAreReadAsTheGeneratedParserReadsThem()
    {
        byte[] packed = [0x0A, 3, 1, 0x80, 1, 0x10, 9];
        Assert.True(ConfStateCodec.TryParse(packed, out ConfiguredMembers members));
        Assert.Equal(Raftpb.ConfState.Parser.ParseFrom(packed).Voters, members.Voters);
        Assert.Equal([9UL], members.Learners);
        Assert.False(ConfStateCodec.TryParse([0x0A, 2, 1, 0x80], out _));
    }

    [Fact]
    public void HostileBytesFailWithoutThrowing()
    {
        Gen.Byte.Array[0, 60].Sample(
            bytes =>
            {
                _ = EntryView.TryParse(bytes, out _);
                _ = DurableStateCodec.TryParse(bytes, out _);
                _ = SnapshotView.TryParse(bytes, out _);
                _ = WalRecordView.TryParse(bytes, out _);
                _ = WalSnapshot.TryParse(bytes, out _);
                _ = SnapFileView.TryParse(bytes, out _);
                _ = WalMetadata.TryParse(bytes, out _);
            },
            iter: 5000,
            seed: "0000HostileW0");
        Assert.False(EntryView.TryParse([0x08, 0x03], out _));
        Assert.False(EntryView.TryParse([0x0A, 0x00], out _));
        Assert.False(EntryView.TryParse([0x22, 0x05, 1], out _));
    }

    private static string Hex(LogEntry entry)
    {
        byte[] bytes = new byte[EntryView.SizeOf(entry)];
        var writer = new ProtoWriter(bytes);
        EntryView.Write(ref writer, entry);
        return Convert.ToHexStringLower(bytes);
    }
}
