// Pending timers of one loop: a binary heap by due time, first scheduled first among equals. Owned by: one I/O thread.
namespace EtcdAot.Net;

/// <summary>A timer in the heap; knows its place, so that cancelling is O(log n) and leaves nothing behind.</summary>
internal sealed class HeapTimer(TimerHeap heap, long dueNanos, long sequence, ILoopWork work) : LoopTimer
{
    internal long DueNanos { get; } = dueNanos;

    internal long Sequence { get; } = sequence;

    internal ILoopWork Work { get; } = work;

    /// <summary>Place in the heap, −1 when it is not there.</summary>
    internal int Index { get; set; } = -1;

    public override void Cancel() => heap.Remove(this);
}

internal sealed class TimerHeap
{
    private HeapTimer[] _heap = new HeapTimer[64];
    private int _count;
    private long _sequence;

    internal int Count => _count;

    /// <summary>Due time of the first timer, <see cref="long.MaxValue"/> without one.</summary>
    internal long NextDueNanos => _count == 0 ? long.MaxValue : _heap[0].DueNanos;

    internal HeapTimer Add(long dueNanos, ILoopWork work)
    {
        if (_count == _heap.Length)
        {
            Array.Resize(ref _heap, _count * 2);
        }

        var timer = new HeapTimer(this, dueNanos, _sequence++, work);
        _heap[_count] = timer;
        timer.Index = _count++;
        Up(timer.Index);
        return timer;
    }

    /// <summary>Takes the first timer if it is due.</summary>
    internal bool TryTake(long nowNanos, out ILoopWork? work)
    {
        work = null;
        if (_count == 0 || _heap[0].DueNanos > nowNanos)
        {
            return false;
        }

        work = _heap[0].Work;
        Remove(_heap[0]);
        return true;
    }

    internal void Remove(HeapTimer timer)
    {
        int at = timer.Index;
        if (at < 0)
        {
            return;
        }

        timer.Index = -1;
        HeapTimer last = _heap[--_count];
        _heap[_count] = null!;
        if (last == timer)
        {
            return;
        }

        Place(last, at);
        Up(at);
        Down(last.Index);
    }

    private static bool Before(HeapTimer a, HeapTimer b)
    {
        return a.DueNanos != b.DueNanos ? a.DueNanos < b.DueNanos : a.Sequence < b.Sequence;
    }

    private void Place(HeapTimer timer, int at)
    {
        _heap[at] = timer;
        timer.Index = at;
    }

    private void Up(int at)
    {
        HeapTimer moving = _heap[at];
        while (at > 0 && Before(moving, _heap[(at - 1) / 2]))
        {
            Place(_heap[(at - 1) / 2], at);
            at = (at - 1) / 2;
        }

        Place(moving, at);
    }

    private void Down(int at)
    {
        HeapTimer moving = _heap[at];
        while ((2 * at) + 1 < _count)
        {
            int child = (2 * at) + 1;
            if (child + 1 < _count && Before(_heap[child + 1], _heap[child]))
            {
                child++;
            }

            if (!Before(_heap[child], moving))
            {
                break;
            }

            Place(_heap[child], at);
            at = child;
        }

        Place(moving, at);
    }
}
