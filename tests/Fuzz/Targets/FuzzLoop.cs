// In-memory twins of the seam under HTTP, for targets that feed connections: time and posted work move when told.
using System.Buffers.Binary;
using EtcdAot.Net;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>A loop whose time the target moves.</summary>
internal sealed class FuzzLoop : IoLoop
{
    private readonly List<Timer> _timers = [];
    private readonly Queue<ILoopWork> _posted = new();
    private long _now = 1_000_000_000;

    public override long NowNanos => _now;

    public override void Post(ILoopWork work) => _posted.Enqueue(work);

    public override LoopTimer Schedule(long dueNanos, ILoopWork work)
    {
        var timer = new Timer(dueNanos, work);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>Runs what was posted, also what that posts; a bound shows work that never ends.</summary>
    public void Drain()
    {
        for (int i = 0; _posted.TryDequeue(out ILoopWork? work); i++)
        {
            BrokenPromiseException.Unless(i < 100_000, "posted work comes to an end");
            work.Run();
        }
    }

    public void Advance(long nanos)
    {
        _now += nanos;
        foreach (Timer timer in _timers.Where(t => t.Due <= _now).ToArray())
        {
            _ = _timers.Remove(timer);
            if (!timer.Cancelled)
            {
                timer.Work.Run();
            }
        }

        Drain();
    }

    private sealed class Timer(long due, ILoopWork work) : LoopTimer
    {
        public long Due { get; } = due;

        public ILoopWork Work { get; } = work;

        public bool Cancelled { get; private set; }

        public override void Cancel() => Cancelled = true;
    }
}

/// <summary>A connection that keeps its output. It checks what a transport relies on: nothing is written after Close,
/// and never more than was asked for.</summary>
internal sealed class FuzzConnection(FuzzLoop loop) : Connection
{
    /// <summary>What a peer that never reads may make us hold; above it the product must have closed long ago.</summary>
    private const int OutputMax = 32 << 20;

    private byte[] _output = new byte[4096];
    private int _length;
    private int _offered;

    public override IoLoop Loop => loop;

    public override string RemoteAddress => "127.0.0.1:4711";

    public override long UnsentBytes => _length;

    public bool Congested { get; set; }

    public override bool IsCongested => Congested;

    public bool Closed { get; private set; }

    public ReadOnlySpan<byte> Output => _output.AsSpan(0, _length);

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        _offered = Math.Max(sizeHint, 1);
        if (_output.Length - _length < _offered)
        {
            Array.Resize(ref _output, Math.Max(_output.Length * 2, _length + _offered));
        }

        return _output.AsMemory(_length, _offered);
    }

    public override void Advance(int count)
    {
        BrokenPromiseException.Unless(!Closed, "nothing is written after Close");
        BrokenPromiseException.Unless(count <= _offered, "no more is written than was asked for");
        _length += count;
        BrokenPromiseException.Unless(_length <= OutputMax, "output that nobody reads is bounded");
    }

    public override void Close(bool abort = false) => Closed = true;

    /// <summary>The output as HTTP/2 frames; each must be whole.</summary>
    public int CountFrames(int from)
    {
        int frames = 0;
        int at = from;
        for (; at + 9 <= _length; frames++)
        {
            at += 9 + (BinaryPrimitives.ReadInt32BigEndian(_output.AsSpan(at)) >> 8 & 0xFFFFFF);
        }

        BrokenPromiseException.Unless(at == _length, "what is sent is whole frames");
        return frames;
    }
}

/// <summary>Feeds bytes in pieces: the first byte of the input says how they are cut.</summary>
internal static class Pieces
{
    public static void Feed(FuzzConnection wire, FuzzLoop loop, ReadOnlySpan<byte> bytes, byte way)
    {
        var cut = new Rng(way);
        while (bytes.Length > 0 && !wire.Closed)
        {
            int length = (way & 3) switch
            {
                0 => bytes.Length,
                1 => Math.Min(bytes.Length, 1 + cut.Below(7)),
                2 => Math.Min(bytes.Length, 1 + cut.Below(300)),
                _ => Math.Min(bytes.Length, cut.OneIn(2) ? 1 : 64),
            };
            wire.Congested = (way & 0x10) != 0 && cut.OneIn(3);
            wire.Handler!.OnBytes(bytes[..length]);
            loop.Drain();
            bytes = bytes[length..];
            if ((way & 0x10) != 0 && !wire.Congested && !wire.Closed)
            {
                wire.Handler.OnDrained();
            }
        }
    }
}
