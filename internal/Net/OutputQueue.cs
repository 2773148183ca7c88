// Unsent output of one connection: pooled pinned segments in order, the first small (a typical reply), later ones large.
// A connection without unsent output holds at most an empty one. Owned by: the I/O thread of its loop.
using System.Runtime.CompilerServices;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Net;

internal sealed class OutputQueue(SegmentPool pool)
{
    private Segment[] _segments = new Segment[2];
    private int _head;
    private int _tail;

    /// <summary>Bytes written and not yet sent.</summary>
    internal long Bytes { get; private set; }

    internal Span<byte> GetSpan(int sizeHint)
    {
        ref Segment last = ref Room(sizeHint);
        return last.Array.AsSpan(last.End);
    }

    internal Memory<byte> GetMemory(int sizeHint)
    {
        ref Segment last = ref Room(sizeHint);
        return last.Array.AsMemory(last.End);
    }

    internal void Advance(int count)
    {
        if (count == 0)
        {
            return;
        }

        Invariant.Check(_tail > _head, "output advances after a span was handed out");
        ref Segment last = ref _segments[_tail - 1];
        Invariant.Check(count > 0 && count <= last.Array.Length - last.End, "output advances within its span");
        last.End += count;
        Bytes += count;
    }

    /// <summary>One send of as much as one call takes. <paramref name="all"/>: the kernel took all that was offered.</summary>
    internal Errno SendOnce(ISocket socket, out bool all)
    {
        var room = default(PartArray);
        Span<SendPart> parts = room;
        int count = 0;
        int offered = 0;
        for (int i = _head; i < _tail && count < parts.Length; i++)
        {
            ref Segment segment = ref _segments[i];
            parts[count++] = new SendPart(segment.Array, segment.Start, segment.End - segment.Start);
            offered += segment.End - segment.Start;
        }

        Errno result = socket.SendParts(parts[..count], out int sent);
        all = !result.Failed && sent == offered;
        Consume(sent);
        return result;
    }

    /// <summary>Drops everything.</summary>
    internal void Clear()
    {
        for (int i = _head; i < _tail; i++)
        {
            pool.Return(_segments[i].Array);
            _segments[i] = default;
        }

        _head = _tail = 0;
        Bytes = 0;
    }

    private void Consume(int sent)
    {
        Bytes -= sent;
        if (Bytes == 0)
        {
            Clear();
            return;
        }

        while (sent > 0)
        {
            ref Segment first = ref _segments[_head];
            int taken = Math.Min(sent, first.End - first.Start);
            first.Start += taken;
            sent -= taken;
            if (first.Start == first.End)
            {
                pool.Return(first.Array);
                first = default;
                _head++;
            }
        }
    }

    private ref Segment Room(int sizeHint)
    {
        int needed = Math.Max(1, sizeHint);
        if (_tail > _head && _segments[_tail - 1].Array.Length - _segments[_tail - 1].End >= needed)
        {
            return ref _segments[_tail - 1];
        }

        if (_tail == _segments.Length)
        {
            MakePlace();
        }

        int length = Math.Max(needed, _tail == _head ? SegmentPool.SmallSize : SegmentPool.MiddleSize);
        _segments[_tail] = new Segment { Array = pool.Rent(length) };
        return ref _segments[_tail++];
    }

    private void MakePlace()
    {
        Segment[] wider = _head > 0 ? _segments : new Segment[_segments.Length * 2];
        Array.Copy(_segments, _head, wider, 0, _tail - _head);
        _tail -= _head;
        _head = 0;
        Array.Clear(wider, _tail, wider.Length - _tail);
        _segments = wider;
    }

    private struct Segment
    {
        public byte[] Array;
        public int Start;
        public int End;
    }

    [InlineArray(ISocket.MaxParts)]
    private struct PartArray
    {
        private SendPart _first;
    }
}
