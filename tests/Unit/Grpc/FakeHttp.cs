// In-memory twins of the seam under Grpc: a loop with a clock of its own, and a stream that records what is sent.
using System.Text;
using EtcdAot.Http;
using EtcdAot.Net;

namespace EtcdAot.Tests.Unit.Grpc;

internal sealed class FakeLoop : IoLoop
{
    private readonly Queue<ILoopWork> _posted = new();
    private readonly List<Timer> _timers = [];
    private long _now = 1_000_000_000;

    public override long NowNanos => _now;

    public int Armed => _timers.Count(t => t.Work is not null);

    public override void Post(ILoopWork work)
    {
        lock (_posted)
        {
            _posted.Enqueue(work);
        }
    }

    public override void Enqueue(ILoopWork work) => Post(work);

    public override void Wake()
    {
    }

    public override void AtEndOfWake(ILoopWork work) => Post(work);

    public override LoopTimer Schedule(long dueNanos, ILoopWork work)
    {
        var timer = new Timer(dueNanos, work);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>Runs everything posted, also what that posts.</summary>
    public void Drain()
    {
        while (true)
        {
            ILoopWork? work;
            lock (_posted)
            {
                if (!_posted.TryDequeue(out work))
                {
                    return;
                }
            }

            work.Run();
        }
    }

    public void Advance(long nanos)
    {
        _now += nanos;
        foreach (Timer timer in _timers.Where(t => t.Due <= _now).ToArray())
        {
            _timers.Remove(timer);
            timer.Work?.Run();
        }

        Drain();
    }

    private sealed class Timer(long due, ILoopWork work) : LoopTimer
    {
        public long Due { get; } = due;

        public ILoopWork? Work { get; private set; } = work;

        public override void Cancel() => Work = null;
    }
}

internal sealed class FakeConnection(FakeLoop loop) : Connection
{
    public override IoLoop Loop => loop;

    public override string RemoteAddress => "127.0.0.1:4711";

    public override long UnsentBytes => 0;

    public override bool IsCongested => false;

    public override Span<byte> GetSpan(int sizeHint = 0) => throw new NotSupportedException();

    public override Memory<byte> GetMemory(int sizeHint = 0) => throw new NotSupportedException();

    public override void Advance(int count) => throw new NotSupportedException();

    public override void Close(bool abort = false)
    {
    }
}

internal sealed class FakeHeaders(params (string Name, string Value)[] fields) : HeaderBlock
{
    private readonly (byte[] Name, byte[] Value)[] _fields =
        [.. fields.Select(f => (Encoding.UTF8.GetBytes(f.Name), Encoding.UTF8.GetBytes(f.Value)))];

    public override int Count => _fields.Length;

    public override ReadOnlySpan<byte> Name(int index) => _fields[index].Name;

    public override ReadOnlySpan<byte> Value(int index) => _fields[index].Value;

    public static FakeHeaders Request(string path, params (string Name, string Value)[] more)
    {
        return new FakeHeaders(
        [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"),
            ("content-type", "application/grpc"), .. more,
        ]);
    }
}

/// <summary>Records what is sent in one readable line: "H(...) D(n bytes) T(...)".</summary>
internal sealed class FakeStream(FakeLoop loop) : HttpStream
{
    private readonly FakeConnection _transport = new(loop);
    private byte[] _open = [];

    public List<string> Sent { get; } = [];

    public List<byte[]> Messages { get; } = [];

    public int Consumed { get; private set; }

    public int Expected { get; private set; }

    public uint? ResetCode { get; private set; }

    public bool Ended { get; private set; }

    public long Queued { get; set; }

    /// <summary>Set: the peer takes no response headers, and this handler hears of the reset while they are sent.</summary>
    public IStreamHandler? Refusing { get; set; }

    public override uint Id => 1;

    public override Connection Transport => _transport;

    public override long QueuedBytes => Queued;

    public string Line => string.Join(' ', Sent);

    public override void SendHeaders(HeaderSet fields, bool endOfStream)
    {
        Assert.False(Ended, "nothing is sent after the end of the stream");
        if (Refusing is not null)
        {
            Ended = true;
            Refusing.OnReset(2, connectionLost: false);
            return;
        }

        Ended = endOfStream;
        Sent.Add((endOfStream ? "T(" : "H(") + string.Join(' ', fields.Fields.Select(
            f => Encoding.UTF8.GetString(f.Name) + "=" + Encoding.UTF8.GetString(f.Value))) + ")");
    }

    public override Span<byte> BeginData(int length)
    {
        Assert.False(Ended, "nothing is sent after the end of the stream");
        _open = new byte[length];
        return _open;
    }

    public override void EndData(bool endOfStream)
    {
        Sent.Add($"D({Convert.ToHexStringLower(_open)})");
        Messages.Add(_open);
        Ended = endOfStream;
    }

    public override void Consume(int bytes) => Consumed += bytes;

    public override void ExpectMessage(int bytes) => Expected = bytes;

    public override void Reset(uint errorCode) => ResetCode = errorCode;
}
