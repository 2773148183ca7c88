// The clients of the rows: each has one operation under way and begins the next when it has ended. Owned by: one loop.
using System.Diagnostics;
using System.Text;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Bench;

/// <summary>A closed loop over one connection.</summary>
internal abstract class BenchClient(GrpcConnection connection, Meter meter, int id) : ICallSink
{
    private ulong _random = (ulong)(id + 1) * 0x9e3779b97f4a7c15;

    /// <summary>True while an operation is under way.</summary>
    internal bool Busy { get; private protected set; }

    private protected GrpcConnection Connection { get; } = connection;

    private protected Meter Meter { get; } = meter;

    private protected long Started { get; set; }

    /// <summary>Begins the first operation.</summary>
    internal abstract void Begin();

    public abstract void OnMessage(ReadOnlySpan<byte> message);

    public abstract void OnEnd(bool reset);

    private protected int Random(int below)
    {
        // xorshift64: the same keys in the same order in every run.
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        return (int)(_random % (ulong)below);
    }
}

/// <summary>Unary calls from templates, drawn by weight.</summary>
internal sealed class UnaryClient(
    GrpcConnection connection, Meter meter, int id, (Template Template, int Keys, int Weight)[] choices)
    : BenchClient(connection, meter, id)
{
    private readonly int _weights = choices.Sum(static c => c.Weight);
    private bool _answered;

    internal override void Begin()
    {
        Busy = true;
        _answered = false;
        int draw = Random(_weights);
        int choice = 0;
        while (draw >= choices[choice].Weight)
        {
            draw -= choices[choice++].Weight;
        }

        Template template = choices[choice].Template;
        template.Patch(Random(choices[choice].Keys));
        Started = Stopwatch.GetTimestamp();
        Connection.Open(template.Method, template.Bytes, end: true, this);
    }

    public override void OnMessage(ReadOnlySpan<byte> message) => _answered = true;

    public override void OnEnd(bool reset)
    {
        Meter.Record(Started, _answered && !reset);
        Busy = false;
        if (Meter.Running && !Connection.Closed)
        {
            Begin();
        }
    }
}

/// <summary>Keys that are written once each.</summary>
internal sealed class KeySupply(int count)
{
    private int _next;

    /// <summary>The next key's number; false when all are taken. The loop's thread only.</summary>
    internal bool TryTake(out int number)
    {
        number = _next;
        _next += number < count ? 1 : 0;
        return number < count;
    }
}

/// <summary>Puts new keys until the supply is spent.</summary>
internal sealed class FillClient(GrpcConnection connection, Meter meter, int id, KeySupply supply)
    : BenchClient(connection, meter, id)
{
    private readonly Template _put = Messages.Put();
    private bool _answered;

    internal override void Begin()
    {
        Busy = false;
        if (!Connection.Closed && supply.TryTake(out int number))
        {
            Busy = true;
            _put.Patch(number);
            _answered = false;
            Started = Stopwatch.GetTimestamp();
            Connection.Open(_put.Method, _put.Bytes, end: true, this);
        }
    }

    public override void OnMessage(ReadOnlySpan<byte> message) => _answered = true;

    public override void OnEnd(bool reset)
    {
        Meter.Record(Started, _answered && !reset);
        Begin();
    }
}

/// <summary>Compare-and-swap on an own key; a swap that does not succeed is an error.</summary>
internal sealed class SwapClient : BenchClient
{
    private readonly byte[] _request;
    private readonly int _old;
    private readonly int _new;
    private int _value = -1;
    private bool _swapped;

    internal SwapClient(GrpcConnection connection, Meter meter, int id)
        : base(connection, meter, id)
    {
        Key = "cas/" + Messages.Key(id);
        _request = Messages.CompareAndSwap(Key).ToByteArray();
        _old = _request.AsSpan().IndexOf("~~~~~~~~"u8);
        _new = _request.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Messages.Marker));
    }

    private string Key { get; }

    internal override void Begin()
    {
        Busy = true;
        _swapped = false;
        if (_value < 0)
        {
            // The first value; its reply goes the same way.
            var first = new PutRequest { Key = ByteString.CopyFromUtf8(Key), Value = Messages.Value("00000000") };
            Started = Stopwatch.GetTimestamp();
            Connection.Open(Methods.Put, first.ToByteArray(), end: true, this);
            return;
        }

        Template.Write(_request.AsSpan(_old, 8), _value);
        Template.Write(_request.AsSpan(_new, 8), _value + 1);
        Started = Stopwatch.GetTimestamp();
        Connection.Open(Methods.Txn, _request, end: true, this);
    }

    public override void OnMessage(ReadOnlySpan<byte> message)
    {
        // TxnResponse: header (1), then succeeded (2) when it is true.
        _swapped = _value < 0 || (message.Length > 2 && message[0] == 0x0a && message.Length >= 4 + message[1]
            && message[2 + message[1]] == 0x10 && message[3 + message[1]] == 1);
    }

    public override void OnEnd(bool reset)
    {
        if (_value >= 0)
        {
            Meter.Record(Started, _swapped && !reset);
        }

        _value += _swapped ? 1 : 0;
        Busy = false;
        if (Meter.Running && !Connection.Closed)
        {
            Begin();
        }
    }
}

/// <summary>Keeps one lease alive over one stream.</summary>
internal sealed class KeepAliveClient(GrpcConnection connection, Meter meter, int id)
    : BenchClient(connection, meter, id)
{
    private byte[]? _request;
    private uint _stream;

    internal override void Begin()
    {
        Busy = true;
        Connection.Open(Methods.LeaseGrant, new LeaseGrantRequest { TTL = 600 }.ToByteArray(), end: true, this);
    }

    public override void OnMessage(ReadOnlySpan<byte> message)
    {
        if (_request is null)
        {
            long lease = LeaseGrantResponse.Parser.ParseFrom(message).ID;
            _request = new LeaseKeepAliveRequest { ID = lease }.ToByteArray();
            return;
        }

        Meter.Record(Started, good: true);
        Busy = false;
        if (Meter.Running)
        {
            Next();
        }
    }

    public override void OnEnd(bool reset)
    {
        if (_stream == 0 && _request is not null && Meter.Running)
        {
            Next();
            return;
        }

        // The stream is never ended by us while the row runs.
        Meter.Record(Started, good: false);
        Busy = false;
    }

    private void Next()
    {
        Busy = true;
        Started = Stopwatch.GetTimestamp();
        if (_stream == 0)
        {
            _stream = Connection.Open(Methods.LeaseKeepAlive, _request, end: false, this);
        }
        else
        {
            Connection.Send(_stream, _request, end: false);
        }
    }
}

/// <summary>What the watchers and the writer of a fan-out share.</summary>
internal sealed class FanOut(int watchers)
{
    private int _missing;
    private long _started;

    internal int Watchers { get; } = watchers;

    internal int Created { get; set; }

    internal long Started => Volatile.Read(ref _started);

    internal FanOutWriter? Writer { get; set; }

    /// <summary>A write begins: its reply and every watcher's event are awaited.</summary>
    internal void Arm()
    {
        Volatile.Write(ref _missing, Watchers + 1);
        Volatile.Write(ref _started, Stopwatch.GetTimestamp());
    }

    internal void OneArrived()
    {
        if (Interlocked.Decrement(ref _missing) == 0)
        {
            Writer!.OnRoundOver();
        }
    }
}

/// <summary>One watch stream on the common key; an operation is one event delivered.</summary>
internal sealed class WatchClient(GrpcConnection connection, Meter meter, int id, FanOut fanOut)
    : BenchClient(connection, meter, id)
{
    private bool _created;

    internal override void Begin()
    {
        var request = new WatchRequest
        {
            CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("fan/key") },
        };
        Connection.Open(Methods.Watch, request.ToByteArray(), end: false, this);
    }

    public override void OnMessage(ReadOnlySpan<byte> message)
    {
        if (!_created)
        {
            _created = true;
            if (++fanOut.Created == fanOut.Watchers)
            {
                fanOut.Writer!.OnRoundOver();
            }

            return;
        }

        Meter.Record(fanOut.Started, good: true);
        fanOut.OneArrived();
    }

    public override void OnEnd(bool reset) => Meter.Record(fanOut.Started, good: false);
}

/// <summary>Writes the common key when every watcher has seen the last write.</summary>
internal sealed class FanOutWriter(GrpcConnection connection, Meter meter, int id, FanOut fanOut)
    : BenchClient(connection, meter, id)
{
    private readonly byte[] _request =
        new PutRequest { Key = ByteString.CopyFromUtf8("fan/key"), Value = Messages.Value("") }.ToByteArray();

    internal override void Begin()
    {
    }

    internal void OnRoundOver()
    {
        Busy = false;
        if (Meter.Running && !Connection.Closed)
        {
            Busy = true;
            fanOut.Arm();
            Connection.Open(Methods.Put, _request, end: true, this);
        }
    }

    public override void OnMessage(ReadOnlySpan<byte> message)
    {
    }

    public override void OnEnd(bool reset) => fanOut.OneArrived();
}
