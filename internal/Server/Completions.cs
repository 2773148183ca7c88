// Finished requests of one core step, handed back with one wake for each I/O thread (DESIGN 3). Nothing is handed back
// before the view that holds its effects is published. Owned by: core thread.
using EtcdAot.Net;

namespace EtcdAot.Server;

/// <summary>Gathers completions and releases them together.</summary>
internal sealed class Completions
{
    private readonly List<(IoLoop Loop, ILoopWork Work)> _done = [];
    private readonly List<IoLoop> _toWake = [];

    public bool IsEmpty => _done.Count == 0;

    public void Add(Proposal proposal) => _done.Add((proposal.Loop!, proposal));

    public void Add(ReadWaiter waiter) => _done.Add((waiter.Loop!, waiter));

    public void Add(LeaseQuestion question) => _done.Add((question.Loop!, question));

    /// <summary>Without a loop it is run at once.</summary>
    public void Add(CoreRequest request)
    {
        if (request.Loop is { } loop)
        {
            _done.Add((loop, request));
        }
        else
        {
            request.Run();
        }
    }

    /// <summary>Tells a listener before what is completed: its loop queues events ahead of the answers. The loop is
    /// woken with the next <see cref="Release"/>.</summary>
    public void Tell(ViewListener listener)
    {
        listener.Loop.Enqueue(listener);
        if (!_toWake.Contains(listener.Loop))
        {
            _toWake.Add(listener.Loop);
        }
    }

    /// <summary>Hands everything back. The view must be published.</summary>
    public void Release()
    {
        if (_done.Count == 0 && _toWake.Count == 0)
        {
            return;
        }

        foreach ((IoLoop loop, ILoopWork work) in _done)
        {
            loop.Enqueue(work);
            if (!_toWake.Contains(loop))
            {
                _toWake.Add(loop);
            }
        }

        foreach (IoLoop loop in _toWake)
        {
            loop.Wake();
        }

        _done.Clear();
        _toWake.Clear();
    }
}
