// Deadlines of the calls of one loop: a binary heap over the calls themselves and one loop timer for the earliest, so that
// a call with a timeout costs no allocation. Owned by: the I/O thread.
using EtcdAot.Net;
using EtcdAot.Observe;

namespace EtcdAot.Grpc;

/// <summary>Expires calls.</summary>
internal sealed class DeadlineHeap(IoLoop loop) : ILoopWork
{
    private Call[] _heap = new Call[64];
    private int _count;
    private LoopTimer? _timer;
    private long _armedFor = long.MaxValue;

    internal int Count => _count;

    internal void Add(Call call)
    {
        Invariant.Check(call.HeapIndex < 0, "a call is in the deadline heap at most once");
        if (_count == _heap.Length)
        {
            Array.Resize(ref _heap, _count * 2);
        }

        Put(_count++, call);
        SiftUp(call.HeapIndex);
        Arm();
    }

    internal void Remove(Call call)
    {
        int at = call.HeapIndex;
        if (at < 0)
        {
            return;
        }

        call.HeapIndex = -1;
        Call last = _heap[--_count];
        _heap[_count] = null!;
        if (at == _count)
        {
            return;
        }

        // The timer stays armed for a removed call: one idle wake is cheaper than re-arming for each call.
        Put(at, last);
        SiftDown(at);
        SiftUp(last.HeapIndex);
    }

    public void Run()
    {
        _timer = null;
        _armedFor = long.MaxValue;
        while (_count > 0 && _heap[0].DeadlineNanos <= loop.NowNanos)
        {
            Call due = _heap[0];
            Remove(due);
            due.Expire();
        }

        Arm();
    }

    private void Arm()
    {
        if (_count > 0 && _heap[0].DeadlineNanos < _armedFor)
        {
            // The later timer goes: one that stayed would arm another of its own when it runs, for ever.
            _timer?.Cancel();
            _armedFor = _heap[0].DeadlineNanos;
            _timer = loop.Schedule(_armedFor, this);
        }
    }

    private void SiftUp(int at)
    {
        while (at > 0)
        {
            int parent = (at - 1) / 2;
            if (_heap[parent].DeadlineNanos <= _heap[at].DeadlineNanos)
            {
                return;
            }

            Swap(at, parent);
            at = parent;
        }
    }

    private void SiftDown(int at)
    {
        while (true)
        {
            int least = at;
            for (int child = (2 * at) + 1; child <= (2 * at) + 2 && child < _count; child++)
            {
                least = _heap[child].DeadlineNanos < _heap[least].DeadlineNanos ? child : least;
            }

            if (least == at)
            {
                return;
            }

            Swap(at, least);
            at = least;
        }
    }

    private void Swap(int a, int b)
    {
        Call held = _heap[a];
        Put(a, _heap[b]);
        Put(b, held);
    }

    private void Put(int at, Call call)
    {
        _heap[at] = call;
        call.HeapIndex = at;
    }
}
