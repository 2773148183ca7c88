using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Http;

/// <summary>A loop whose time the test moves.</summary>
internal sealed class FakeLoop : IoLoop
{
    private readonly List<FakeTimer> _timers = [];
    private readonly Queue<ILoopWork> _posted = new();
    private long _now = 1_000_000_000;

    public override long NowNanos => _now;

    public override void Post(ILoopWork work) => _posted.Enqueue(work);

    public override LoopTimer Schedule(long dueNanos, ILoopWork work)
    {
        var timer = new FakeTimer(dueNanos, work);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>Moves time on; timers fire in their order, at their time.</summary>
    public void Advance(TimeSpan by)
    {
        long end = _now + (by.Ticks * 100);
        while (_timers.Where(t => !t.Cancelled && t.Due <= end).MinBy(t => t.Due) is { } next)
        {
            _timers.Remove(next);
            _now = Math.Max(_now, next.Due);
            next.Work.Run();
        }

        _now = end;
    }

    public void RunPosted()
    {
        while (_posted.TryDequeue(out ILoopWork? work))
        {
            work.Run();
        }
    }

    private sealed class FakeTimer(long due, ILoopWork work) : LoopTimer
    {
        public long Due { get; } = due;

        public ILoopWork Work { get; } = work;

        public bool Cancelled { get; private set; }

        public override void Cancel() => Cancelled = true;
    }
}

/// <summary>A connection whose output is an array.</summary>
internal sealed class FakeConnection(FakeLoop loop) : Connection
{
    private byte[] _output = new byte[64 * 1024];
    private int _length;

    public override IoLoop Loop => loop;

    public override string RemoteAddress => "127.0.0.1:4711";

    public override long UnsentBytes => _length;

    public bool Congested { get; set; }

    public override bool IsCongested => Congested;

    public bool Closed { get; private set; }

    public bool Aborted { get; private set; }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_output.Length - _length < Math.Max(sizeHint, 1))
        {
            Array.Resize(ref _output, Math.Max(_output.Length * 2, _length + sizeHint));
        }

        // Exactly what was asked for, so that a writer that takes more is found out.
        return _output.AsMemory(_length, Math.Max(sizeHint, 1));
    }

    public override void Advance(int count)
    {
        Assert.False(Closed, "nothing is written after Close");
        _length += count;
    }

    public override void Close(bool abort = false)
    {
        Closed = true;
        Aborted |= abort;
    }

    /// <summary>What was written since the last call.</summary>
    public byte[] TakeOutput()
    {
        byte[] bytes = _output.AsSpan(0, _length).ToArray();
        _length = 0;
        return bytes;
    }

    /// <summary>Forgets what was written; for benchmarks.</summary>
    public int DropOutput()
    {
        int length = _length;
        _length = 0;
        return length;
    }

    public void Feed(ReadOnlySpan<byte> bytes) => Handler!.OnBytes(bytes);

    public void PeerCloses() => Handler!.OnClosed(Errno.Ok);
}
