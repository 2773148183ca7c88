// Every method of a client port, over a whole member on files of its own: any bytes as requests, in any order.
using System.Buffers.Binary;
using System.Text;
using EtcdAot.Http;
using EtcdAot.Net;
using Google.Protobuf;
using Rpc = EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Input: {method 1, flags 1, length 2, message}… Flags: 1 the message brings its own gRPC frame, 2 single bytes,
/// 4 the client goes away, 8 two seconds pass. One member serves many inputs; what repeats a finding is all of them since
/// the member was made, which is an input of the same form.</summary>
internal sealed class ApiTarget : FuzzTarget, IDisposable
{
    private const int InputsPerMember = 400;
    private const int HistoryMax = 3 << 20;

    private static readonly string[] Methods =
    [
        "KV/Range", "KV/Put", "KV/DeleteRange", "KV/Txn", "KV/Compact", "Lease/LeaseGrant", "Lease/LeaseRevoke",
        "Lease/LeaseTimeToLive", "Lease/LeaseLeases", "Maintenance/Alarm", "Maintenance/Status", "Maintenance/Hash",
        "Maintenance/HashKV", "Maintenance/Defragment", "Cluster/MemberList", "Watch/Watch", "Lease/LeaseKeepAlive",
        "Maintenance/Snapshot",
    ];

    private readonly List<byte> _history = [];
    private FuzzMember? _member;
    private int _served;

    public override string Name => "api";

    public override string About => "requests of any bytes to every gRPC method of a running member";

    public override int LengthMax => 4096;

    public override int CountOf(int wanted) => wanted / 2;

    public override IEnumerable<byte[]> Seeds()
    {
        byte[] put = Messages.Put("a", "1");
        yield return Join((1, put), (0, Messages.Ranges().ToByteArray()));
        yield return Join((1, put), (0, new Rpc.RangeRequest { Key = ByteString.CopyFromUtf8("a"), CountOnly = true }.ToByteArray()));
        yield return Join((2, Messages.Deletes().ToByteArray()), (3, Messages.Txn(2).ToByteArray()));
        yield return Join((15, Messages.WatchCreate()), (1, put));
        yield return Join((5, new Rpc.LeaseGrantRequest { TTL = 3, ID = 7 }.ToByteArray()),
            (1, new Rpc.PutRequest { Key = ByteString.CopyFromUtf8("l"), Lease = 7 }.ToByteArray()),
            (7, new Rpc.LeaseTimeToLiveRequest { ID = 7, Keys = true }.ToByteArray()), (8, []),
            (16, new Rpc.LeaseKeepAliveRequest { ID = 7 }.ToByteArray()), (6, new Rpc.LeaseRevokeRequest { ID = 7 }.ToByteArray()));
        yield return Join((1, put), (1, put), (4, new Rpc.CompactionRequest { Revision = 1, Physical = true }.ToByteArray()));
        yield return Join((9, []), (10, []), (11, []), (12, []), (13, []), (14, new Rpc.MemberListRequest { Linearizable = true }.ToByteArray()));
        yield return Join((17, []), (1, put));
        yield return Join((1, Messages.Put("b", "1")), (3, new Rpc.TxnRequest
        {
            Success =
            {
                new Rpc.RequestOp { RequestDeleteRange = new Rpc.DeleteRangeRequest { Key = ByteString.CopyFromUtf8("a"), RangeEnd = ByteString.CopyFrom(0) } },
                new Rpc.RequestOp { RequestPut = new Rpc.PutRequest { Key = ByteString.CopyFromUtf8("b"), IgnoreValue = true } },
            },
        }.ToByteArray()));
    }

    public override bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        changed = input;
        List<(byte Method, byte Flags, byte[] Message)> calls = Split(input);
        if (calls.Count == 0)
        {
            return false;
        }

        int at = random.Below(calls.Count);
        (byte method, byte flags, byte[] message) = calls[at];
        switch (random.Below(6))
        {
            case 0:
                calls[at] = ((byte)random.Below(Methods.Length), flags, message);
                break;
            case 1:
                calls[at] = (method, (byte)(flags ^ (1 << random.Below(4))), message);
                break;
            case 2:
                calls.Insert(random.Below(calls.Count + 1), calls[at]);
                break;
            default:
                calls[at] = (method, flags, ProtoMutator.TryMutate(message, random, out byte[] other) ? other : [8, 1]);
                break;
        }

        changed = [.. calls.SelectMany(static c => Bytes(c.Method, c.Flags, c.Message))];
        return true;
    }

    public override byte[] Repeatable(byte[] input) => [.. _history];

    public void Dispose()
    {
        _member?.Dispose();
        _member = null;
    }

    public override void StartAfresh()
    {
        _member?.Abandon();
        _member = null;
        _history.Clear();
    }

    public override string Run(byte[] input)
    {
        if (_member is null || ++_served > InputsPerMember || _history.Count > HistoryMax)
        {
            _member?.Dispose();
            (_member, _served) = (null, 0);
            _history.Clear();
            _history.AddRange(input);
            _member = new FuzzMember();
        }
        else
        {
            _history.AddRange(input);
        }

        var outcome = new StringBuilder();
        bool any = false;
        int calls = 0;
        foreach ((byte method, byte flags, byte[] message) in Split(input))
        {
            // A history of many inputs is fed whole; a single one is short anyway.
            string status = Call(Methods[method % Methods.Length], flags, message);
            any |= status == "0";
            _ = calls++ < 3 ? outcome.Append(method % Methods.Length).Append(':').Append(status).Append(' ') : outcome;
        }

        return (any ? "+" : "-") + outcome;
    }

    private string Call(string method, byte flags, byte[] message)
    {
        FuzzMember member = _member!;
        bool streams = method is "Watch/Watch" or "Lease/LeaseKeepAlive";
        var stream = new FuzzStream(member.Loop);
        IStreamHandler handler = member.Grpc.OnRequest(stream, FuzzHeaders.Request("/etcdserverpb." + method), endOfStream: false);
        byte[] framed = (flags & 1) != 0 ? message : Framed(message);
        if ((flags & 2) != 0)
        {
            for (int i = 0; i < framed.Length && !stream.Over; i++)
            {
                handler.OnData(framed.AsSpan(i, 1), endOfStream: false);
            }
        }

        if (!stream.Over)
        {
            handler.OnData((flags & 2) != 0 ? default : framed, endOfStream: (flags & 8) == 0 || !streams);
        }

        bool leaves = (flags & 4) != 0;
        for (int i = 0; i < 12 && !stream.Over && !leaves; i++)
        {
            member.Step((flags & 8) != 0 && i == 0 ? 2000 : i < 3 ? 1 : 120);
            if (streams && i == 3)
            {
                break;
            }
        }

        bool open = streams || method == "Maintenance/Snapshot" || leaves;
        BrokenPromiseException.Unless(open || stream.Over, $"a unary call of {method} is answered");
        if (!stream.Over)
        {
            handler.OnReset(8, connectionLost: false);
            member.Step(1);
        }

        return stream.Status.Length > 0 ? stream.Status : stream.Messages > 0 ? "0" : "none";
    }

    private static byte[] Framed(byte[] message)
    {
        byte[] framed = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), message.Length);
        message.CopyTo(framed.AsSpan(5));
        return framed;
    }

    private static byte[] Join(params (byte Method, byte[] Message)[] calls) =>
        [.. calls.SelectMany(static c => Bytes(c.Method, 0, c.Message))];

    private static byte[] Bytes(byte method, byte flags, byte[] message) =>
        [method, flags, (byte)(message.Length >> 8), (byte)message.Length, .. message];

    private static List<(byte Method, byte Flags, byte[] Message)> Split(byte[] input)
    {
        var calls = new List<(byte, byte, byte[])>();
        for (int at = 0; input.Length - at >= 4;)
        {
            int length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(input.AsSpan(at + 2)), input.Length - at - 4);
            calls.Add((input[at], input[at + 1], input.AsSpan(at + 4, length).ToArray()));
            at += 4 + length;
        }

        return calls;
    }
}

/// <summary>A request's head.</summary>
internal sealed class FuzzHeaders(params (string Name, string Value)[] fields) : HeaderBlock
{
    private readonly (byte[] Name, byte[] Value)[] _fields =
        [.. fields.Select(static f => (Encoding.UTF8.GetBytes(f.Name), Encoding.UTF8.GetBytes(f.Value)))];

    public override int Count => _fields.Length;

    public override ReadOnlySpan<byte> Name(int index) => _fields[index].Name;

    public override ReadOnlySpan<byte> Value(int index) => _fields[index].Value;

    public static FuzzHeaders Request(string path) => new(
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"), ("content-type", "application/grpc"));
}

/// <summary>A stream that counts what is sent.</summary>
internal sealed class FuzzStream(FuzzLoop loop) : HttpStream
{
    private readonly FuzzConnection _transport = new(loop);
    private byte[] _open = [];

    public override uint Id => 1;

    public override Connection Transport => _transport;

    public override long QueuedBytes => 0;

    /// <summary>Ended by trailers or reset: nothing more may be sent.</summary>
    public bool Over { get; private set; }

    /// <summary>grpc-status, or "reset".</summary>
    public string Status { get; private set; } = "";

    public int Messages { get; private set; }

    public override void SendHeaders(HeaderSet fields, bool endOfStream)
    {
        BrokenPromiseException.Unless(!Over, "nothing is sent after the end of a stream");
        foreach ((byte[] name, byte[] value) in fields.Fields)
        {
            Status = name.AsSpan().SequenceEqual("grpc-status"u8) ? Encoding.ASCII.GetString(value) : Status;
        }

        Over = endOfStream;
    }

    public override Span<byte> BeginData(int length)
    {
        BrokenPromiseException.Unless(!Over, "nothing is sent after the end of a stream");
        return _open = new byte[length];
    }

    public override void EndData(bool endOfStream)
    {
        Messages += _open.Length > 0 ? 1 : 0;
        Over = endOfStream;
    }

    public override void Consume(int bytes) => BrokenPromiseException.Unless(bytes >= 0, "credit grows");

    public override void ExpectMessage(int bytes) => BrokenPromiseException.Unless(bytes >= 0, "a message has a length");

    public override void Reset(uint errorCode) => (Over, Status) = (true, "reset");
}
