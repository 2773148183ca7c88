// What the services share on one I/O thread: a reader's slot, scratch for answers, the arena that entries are encoded in,
// and the one kick of the core for everything proposed in a wake. Owned by: that I/O thread.
using EtcdAot.Mvcc;
using EtcdAot.Server;
using EtcdAot.Sys;

namespace EtcdAot.Api;

/// <summary>State of the services on one loop.</summary>
internal sealed class ApiLoop : Net.ILoopWork
{
    // What is encoded at once (DESIGN 4.11) finds its room there.
    private const int KeptAnswer = 1 << 20;

    private readonly EtcdServer _server;
    private readonly Net.IoLoop _loop;
    private readonly int _reader;
    private bool _kickPending;

    public ApiLoop(EtcdServer server, Net.IoLoop loop)
    {
        _server = server;
        _loop = loop;
        _reader = server.Readers.Register();
        Answer = new AnswerBuffer(KeptAnswer) { Limit = server.Options.MaxAnswerBytes };
        Watches = new WatchPump(server, this);
        Guard = new StreamGuard(server, loop);
    }

    public Net.IoLoop Loop => _loop;

    public SlabArena Arena { get; } = new();

    public RangeScratch RangeScratch { get; } = new();

    /// <summary>Where an answer's fields are encoded; empty between two of them.</summary>
    public AnswerBuffer Answer { get; }

    /// <summary>Watchers of the loop's streams.</summary>
    public WatchPump Watches { get; }

    /// <summary>Streams of the loop that want a leader.</summary>
    public StreamGuard Guard { get; }

    /// <summary>Begins reading the published view; <see cref="EndRead"/> before the handler returns. What the view holds
    /// is queued to the loop's synced watchers first, so that no read is ahead of them (spec api-v3 §3.6).</summary>
    public View BeginRead()
    {
        _server.Readers.Enter(_reader);
        View view = _server.View;
        Watches.Advance(view);
        return view;
    }

    public void EndRead() => _server.Readers.Exit(_reader);

    /// <summary>Store revision of the view published last.</summary>
    public long Revision
    {
        get
        {
            long revision = BeginRead().Revision;
            EndRead();
            return revision;
        }
    }

    /// <summary>Hands a proposal to the core; the core is woken once, at the end of this wake.</summary>
    public void Propose(Proposal proposal)
    {
        proposal.Loop = _loop;
        proposal.StartNanos = _loop.NowNanos;
        _server.Propose(proposal);
        KickAtEnd();
    }

    /// <summary>Hands a linearizable read to the core.</summary>
    public void AwaitIndex(ReadWaiter waiter)
    {
        waiter.Loop = _loop;
        waiter.StartNanos = _loop.NowNanos;
        _server.AwaitIndex(waiter);
        KickAtEnd();
    }

    /// <summary>Hands a question about leases to the core.</summary>
    public void Ask(LeaseQuestion question)
    {
        question.Loop = _loop;
        question.StartNanos = _loop.NowNanos;
        _server.Ask(question);
        KickAtEnd();
    }

    /// <summary>End of the wake.</summary>
    public void Run()
    {
        _kickPending = false;
        _server.Kick();
    }

    private void KickAtEnd()
    {
        if (!_kickPending)
        {
            _kickPending = true;
            _loop.AtEndOfWake(this);
        }
    }
}

/// <summary>Finds the state of a loop.</summary>
internal sealed class ApiLoops(EtcdServer server)
{
    private ApiLoop[] _known = [];

    public EtcdServer Server => server;

    /// <summary>Gives the loops' memory back; none of them serves any more.</summary>
    public void Abandon()
    {
        foreach (ApiLoop loop in _known)
        {
            loop.Arena.Dispose();
        }
    }

    // A loop's state is made by its own thread, so only the array is contended for.
    public ApiLoop Of(Net.IoLoop loop)
    {
        foreach (ApiLoop one in Volatile.Read(ref _known))
        {
            if (ReferenceEquals(one.Loop, loop))
            {
                return one;
            }
        }

        var made = new ApiLoop(server, loop);
        ApiLoop[] known;
        do
        {
            known = Volatile.Read(ref _known);
        }
        while (Interlocked.CompareExchange(ref _known, [.. known, made], known) != known);
        return made;
    }
}
