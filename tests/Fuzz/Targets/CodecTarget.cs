// The hand codecs: whatever they accept must be walked without a fault, and what has a writer must come back the same.
using EtcdAot.Sys;
using EtcdAot.V2;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using Google.Protobuf;
using Rpc = EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {codec 1, message}.</summary>
internal sealed class CodecTarget : FuzzTarget
{
    private static readonly Func<byte[], bool>[] Codecs =
    [
        Entry, State, ConfState, Snapshot, WalRecord, Position, SnapFile, Metadata, ConfChange, Request, V2, KeyValue, Range,
        Put, Delete, Watch, Txn, Lease,
    ];

    public override string Name => "codecs";

    public override string About => "messages of WAL, raft log, backend and client requests into the hand codecs";

    public override IEnumerable<byte[]> Seeds() => Messages.Of().Select(static m => (byte[])[m.Codec, .. m.Bytes]);

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        bool good = ProtoMutator.TryMutate(input.AsSpan(Math.Min(1, input.Length)), random, out byte[] message);
        changed = good ? [input[0], .. message] : input;
        return good;
    }

    public override string Run(byte[] input)
    {
        int codec = input.Length == 0 ? 0 : input[0] % Codecs.Length;
        bool good = Codecs[codec](input[Math.Min(1, input.Length)..]);
        int fields = 0;
        var reader = new ProtoReader(input.AsSpan(Math.Min(1, input.Length)));
        while (reader.Next())
        {
            fields++;
        }

        BrokenPromiseException.Unless(reader.Position <= input.Length, "a reader stays inside its message");
        return $"{(good ? '+' : '-')}{codec} {Math.Min(fields, 10)} {reader.Failed}";
    }

    private delegate void Writing(ref ProtoWriter writer);

    private static byte[] Written(int size, Writing write)
    {
        byte[] bytes = new byte[size];
        var writer = new ProtoWriter(bytes);
        write(ref writer);
        BrokenPromiseException.Unless(writer.Position == size, "a message takes the size that was told");
        return bytes;
    }

    private static bool Entry(byte[] bytes)
    {
        if (!EntryView.TryParse(bytes, out EntryView view))
        {
            return false;
        }

        using var arena = new SlabArena();
        LogEntry entry = view.ToLogEntry(arena);
        byte[] again = Written(EntryView.SizeOf(entry), (ref ProtoWriter w) => EntryView.Write(ref w, entry));
        Same(EntryView.TryParse(again, out EntryView second) && second.Index == view.Index && second.Term == view.Term
            && second.Kind == view.Kind && second.Data.SequenceEqual(view.Data));
        entry.Data.Release();
        return true;
    }

    private static bool State(byte[] bytes)
    {
        if (!DurableStateCodec.TryParse(bytes, out DurableState state))
        {
            return false;
        }

        byte[] again = Written(DurableStateCodec.SizeOf(state), (ref ProtoWriter w) => DurableStateCodec.Write(ref w, state));
        Same(DurableStateCodec.TryParse(again, out DurableState second) && second == state);
        return true;
    }

    private static bool ConfState(byte[] bytes)
    {
        if (!ConfStateCodec.TryParse(bytes, out ConfiguredMembers members))
        {
            return false;
        }

        byte[] again = Written(ConfStateCodec.SizeOf(members), (ref ProtoWriter w) => ConfStateCodec.Write(ref w, members));
        Same(ConfStateCodec.TryParse(again, out ConfiguredMembers second) && Equal(members, second));
        return true;
    }

    private static bool Snapshot(byte[] bytes)
    {
        if (!SnapshotView.TryParse(bytes, out SnapshotView view))
        {
            return false;
        }

        byte[] again = new byte[view.Size];
        var writer = new ProtoWriter(again);
        view.WriteTo(ref writer);
        Same(SnapshotView.TryParse(again, out SnapshotView second) && second.Index == view.Index
            && second.Data.SequenceEqual(view.Data) && Equal(second.Members, view.Members));
        return true;
    }

    private static bool WalRecord(byte[] bytes) => WalRecordView.TryParse(bytes, out WalRecordView view) && view.Data.Length >= 0;

    private static bool Position(byte[] bytes)
    {
        if (!WalSnapshot.TryParse(bytes, out WalSnapshot snapshot))
        {
            return false;
        }

        byte[] again = Written(snapshot.Size, (ref ProtoWriter w) => snapshot.WriteTo(ref w));
        Same(WalSnapshot.TryParse(again, out WalSnapshot second) && second.Index == snapshot.Index
            && second.Members is null == snapshot.Members is null);
        return true;
    }

    private static bool SnapFile(byte[] bytes)
    {
        if (!SnapFileView.TryParse(bytes, out SnapFileView view))
        {
            return false;
        }

        byte[] again = new byte[view.Size];
        var writer = new ProtoWriter(again);
        view.WriteTo(ref writer);
        Same(SnapFileView.TryParse(again, out SnapFileView second) && second.Crc == view.Crc);
        return true;
    }

    private static bool Metadata(byte[] bytes)
    {
        bool good = WalMetadata.TryParse(bytes, out WalMetadata ids);
        Same(!good || (WalMetadata.TryParse(ids.ToBytes(), out WalMetadata second) && second == ids));
        return good;
    }

    private static bool ConfChange(byte[] bytes)
    {
        if (!ConfChangeView.TryParse(bytes, out ConfChangeView view))
        {
            return false;
        }

        byte[] again = new byte[view.Size];
        view.WriteTo(again);
        Same(ConfChangeView.TryParse(again, out ConfChangeView second) && second.NodeId == view.NodeId
            && second.Context.SequenceEqual(view.Context));
        return true;
    }

    private static bool Request(byte[] bytes)
    {
        if (!InternalRequestView.TryParse(bytes, out InternalRequestView view))
        {
            return false;
        }

        if (view.Op != RaftOp.None)
        {
            byte[] again = new byte[InternalRequestView.SizeOf(view.Op, view.Body.Length, view.Id, view.Username.Length,
                view.AuthRevision)];
            InternalRequestView.Write(again, view.Op, view.Body, view.Id, view.Username, view.AuthRevision);
            Same(InternalRequestView.TryParse(again, out InternalRequestView second) && second.Op == view.Op
                && second.Id == view.Id && second.Body.SequenceEqual(view.Body));
        }

        return true;
    }

    private static bool V2(byte[] bytes)
    {
        bool isV2 = V2Request.IsV2(bytes);
        bool good = V2Request.TryParse(bytes, out V2Request request);
        if (good)
        {
            _ = request.Classify(hasUserKeys: false, out _);
            _ = request.Classify(hasUserKeys: true, out _);
        }

        return isV2 && good;
    }

    private static bool KeyValue(byte[] bytes)
    {
        if (!KeyValueView.TryParse(bytes, out KeyValueView kv))
        {
            return false;
        }

        byte[] again = new byte[kv.Size];
        kv.WriteTo(again);
        Same(KeyValueView.TryParse(again, out KeyValueView second) && second.Key.SequenceEqual(kv.Key)
            && second.Value.SequenceEqual(kv.Value) && second.Lease == kv.Lease);
        return true;
    }

    private static bool Range(byte[] bytes) => RangeRequestView.TryParse(bytes, out _);

    private static bool Put(byte[] bytes) => PutRequestView.TryParse(bytes, out _);

    private static bool Delete(byte[] bytes) => DeleteRangeRequestView.TryParse(bytes, out _);

    private static bool Watch(byte[] bytes) => WatchRequestView.TryParse(bytes, out _);

    private static bool Txn(byte[] bytes) => TxnRequestView.IsWellFormed(bytes, 130, out _);

    private static bool Lease(byte[] bytes) => EtcdAot.Lease.LeaseRecord.TryParse(bytes, out _);

    private static bool Equal(ConfiguredMembers a, ConfiguredMembers b) => a.Voters.AsSpan().SequenceEqual(b.Voters)
        && a.Learners.AsSpan().SequenceEqual(b.Learners) && a.AutoLeave == b.AutoLeave;

    private static void Same(bool same) => BrokenPromiseException.Unless(same, "what is written again reads the same");
}

/// <summary>Good messages for each codec, by the number that <see cref="CodecTarget"/> gives it.</summary>
internal static class Messages
{
    public static readonly ConfiguredMembers Members = new([1, 0x8e9e05c52164694d], [7]) { VotersOutgoing = [3], AutoLeave = true };

    public static IEnumerable<(byte Codec, byte[] Bytes)> Of()
    {
        yield return (0, [8, 0, 16, 2, 24, 9, 34, 3, 1, 2, 3]);
        yield return (1, [8, 2, 16, 1, 24, 9]);
        yield return (2, Built(ConfStateCodec.SizeOf(Members), static (ref ProtoWriter w) => ConfStateCodec.Write(ref w, Members)));
        yield return (2, [10, 3, 1, 2, 3, 40, 0]);
        yield return (3, SnapshotBytes("{}"u8));
        yield return (4, [8, 2, 16, 0x81, 1, 26, 2, 8, 1]);
        yield return (5, [8, 5, 16, 2, 26, 4, 8, 1, 40, 0]);
        yield return (6, [8, 9, 18, 2, 10, 0]);
        yield return (7, new WalMetadata(1, 2).ToBytes());
        yield return (8, [8, 1, 16, 0, 24, 9, 34, 2, (byte)'{', (byte)'}']);
        yield return (9, Request(RaftOp.Put, Put("k", "v")));
        yield return (9, Request(RaftOp.AuthEnable, []));
        yield return (10, V2Request.PutVersion(1, "3.5.0"));
        yield return (10, V2Request.PutAttributes(2, 0xabc, "{}"u8));
        yield return (11, [10, 1, 97, 16, 2, 24, 2, 32, 1, 42, 1, 98, 48, 7]);
        yield return (12, Ranges().ToByteArray());
        yield return (13, Put("k", "v"));
        yield return (14, Deletes().ToByteArray());
        yield return (15, WatchCreate());
        yield return (15, new Rpc.WatchRequest { CancelRequest = new Rpc.WatchCancelRequest { WatchId = 3 } }.ToByteArray());
        yield return (16, Txn(3).ToByteArray());
        yield return (17, [8, 1, 16, 2, 24, 3]);
    }

    public static byte[] SnapshotBytes(ReadOnlySpan<byte> data)
    {
        var view = new SnapshotView { Data = data, Index = 4, Term = 2, Members = new ConfiguredMembers([1], []) };
        byte[] bytes = new byte[view.Size];
        var writer = new ProtoWriter(bytes);
        view.WriteTo(ref writer);
        return bytes;
    }

    public static byte[] Request(RaftOp op, byte[] body, ulong id = 77)
    {
        byte[] bytes = new byte[InternalRequestView.SizeOf(op, body.Length, id)];
        InternalRequestView.Write(bytes, op, body, id);
        return bytes;
    }

    public static byte[] Put(string key, string value) => Puts(key, value).ToByteArray();

    public static Rpc.PutRequest Puts(string key, string value) => new()
    {
        Key = ByteString.CopyFromUtf8(key),
        Value = ByteString.CopyFromUtf8(value),
        PrevKv = true,
    };

    public static Rpc.RangeRequest Ranges() => new()
    {
        Key = ByteString.CopyFromUtf8("a"),
        RangeEnd = ByteString.CopyFromUtf8("z"),
        Limit = 10,
        Revision = 1,
        SortOrder = Rpc.RangeRequest.Types.SortOrder.Descend,
        SortTarget = Rpc.RangeRequest.Types.SortTarget.Value,
        Serializable = true,
        MinModRevision = 1,
        MaxModRevision = 900,
    };

    public static Rpc.DeleteRangeRequest Deletes() => new()
    {
        Key = ByteString.CopyFromUtf8("x"),
        RangeEnd = ByteString.CopyFromUtf8("y"),
        PrevKv = true,
    };

    public static byte[] WatchCreate() => new Rpc.WatchRequest
    {
        CreateRequest = new Rpc.WatchCreateRequest
        {
            Key = ByteString.CopyFromUtf8("a"),
            RangeEnd = ByteString.CopyFromUtf8("z"),
            StartRevision = 1,
            PrevKv = true,
            WatchId = 3,
            Fragment = true,
            ProgressNotify = true,
            Filters = { Rpc.WatchCreateRequest.Types.FilterType.Nodelete },
        },
    }.ToByteArray();

    public static Rpc.TxnRequest Txn(int depth)
    {
        var txn = new Rpc.TxnRequest
        {
            Compare =
            {
                new Rpc.Compare
                {
                    Key = ByteString.CopyFromUtf8("a"), RangeEnd = ByteString.CopyFromUtf8("c"), ModRevision = 0,
                    Target = Rpc.Compare.Types.CompareTarget.Mod, Result = Rpc.Compare.Types.CompareResult.Greater,
                },
            },
            Success = { new Rpc.RequestOp { RequestPut = Puts("t" + depth, "1") }, new Rpc.RequestOp { RequestRange = Ranges() } },
            Failure = { new Rpc.RequestOp { RequestDeleteRange = Deletes() } },
        };
        if (depth > 0)
        {
            txn.Success.Add(new Rpc.RequestOp { RequestTxn = Txn(depth - 1) });
        }

        return txn;
    }

    private delegate void Writing(ref ProtoWriter writer);

    private static byte[] Built(int size, Writing write)
    {
        byte[] bytes = new byte[size];
        var writer = new ProtoWriter(bytes);
        write(ref writer);
        return bytes;
    }
}
