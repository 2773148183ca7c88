// One member as the rooms above see it: hand requests in, read the published view, ask how it stands. It owns the core
// and the backend actors; the program gives them threads, the simulator steps them. Any thread unless said.
using EtcdAot.Mvcc;
using EtcdAot.Sys;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>A running member.</summary>
public sealed class EtcdServer
{
    private readonly RaftLoop _core;
    private readonly CoreParts _parts;
    private readonly Quota _quota;
    private readonly MemberClosing _closing;

    internal EtcdServer(RaftLoop core, CoreParts parts, ulong clusterId, ReaderRegistry readers, MemberClosing closing)
    {
        _core = core;
        _parts = parts;
        _closing = closing;
        ClusterId = clusterId;
        Readers = readers;
        _quota = Quota.FromFlag(parts.Options.QuotaBackendBytes);
        Maintenance = new Maintenance(parts, core);
    }

    public ServerOptions Options => _parts.Options;

    public ulong MemberId => _parts.MemberId;

    public ulong ClusterId { get; }

    /// <summary>Ids for requests that go through the log.</summary>
    public RequestIds Ids => _parts.Ids;

    /// <summary>Readers announce themselves here around each read of <see cref="View"/>.</summary>
    public ReaderRegistry Readers { get; }

    /// <summary>The published state; inside Enter and Exit only.</summary>
    public View View => _parts.Store.Current;

    /// <summary>The store's reading side: watch hubs, hashes, guards.</summary>
    public Store Store => _parts.Store;

    /// <summary>Term, leader, indexes.</summary>
    public CoreStatus Status => _core.Status;

    /// <summary>Active alarms.</summary>
    public Alarms Alarms => _parts.Alarms;

    /// <summary>Members and cluster version as applied.</summary>
    public MemberList Members => _parts.Membership.Current;

    /// <summary>Instruments and registry of this member.</summary>
    public ServerMetrics Metrics => _parts.Metrics;

    /// <summary>Sizes, hash, copy and defragmentation of the db.</summary>
    public Maintenance Maintenance { get; }

    /// <summary>True when a linearizable read may be served from the view at once.</summary>
    public bool CanReadNow => _core.Status.SolelyLeading;

    /// <summary>True once the member's attributes of this start are applied.</summary>
    public bool IsReady => _parts.Publisher.IsPublished;

    /// <summary>The core: raft and apply.</summary>
    public Actor CoreActor => _core;

    /// <summary>The backend's committing half.</summary>
    public Actor BackendActor => _parts.Backend;

    /// <summary>Hands a request in; <see cref="Kick"/> afterwards.</summary>
    public void Propose(Proposal proposal)
    {
        proposal.Body.Limit = Options.MaxAnswerBytes;
        _core.Propose(proposal);
    }

    /// <summary>Hands a linearizable read in; <see cref="Kick"/> afterwards.</summary>
    public void AwaitIndex(ReadWaiter waiter) => _core.AwaitIndex(waiter);

    /// <summary>Asks the lessor something; <see cref="Kick"/> afterwards.</summary>
    public void Ask(LeaseQuestion question)
    {
        question.Keeper = _parts.Leases;
        _core.Hand(question);
    }

    /// <summary>Makes the core look at what was handed in.</summary>
    public void Kick() => _core.Kick();

    /// <summary>From now on the listener hears of each publication that moved the revision. Take the view afterwards.
    /// </summary>
    public void Listen(ViewListener listener) => _core.Listeners.Add(listener);

    /// <summary>Ends that; one more call of the listener may be on its way.</summary>
    public void Unlisten(ViewListener listener) => _core.Listeners.Remove(listener);

    /// <summary>Runs something on the core thread.</summary>
    public void Post(ICoreWork work) => _core.Post(work);

    /// <summary>True when the request fits the space quota as of the last commit.</summary>
    public bool QuotaAllows(RaftOp op, ReadOnlySpan<byte> body)
    {
        return _quota.Bytes < 0 || _quota.Allows(View.Backend.SizeBytes, Quota.CostOf(op, body));
    }

    /// <summary>Answers everything in flight with "server stopped" and takes no more.</summary>
    public void BeginStop() => _core.BeginStop();

    /// <summary>Ends in order after both actors' threads have stopped: log and db durable, files closed.</summary>
    public void Close() => _closing.Close();

    /// <summary>Gives back the memory of a member that has died without <see cref="Close"/>; nothing is written. A process
    /// has no need of it, the simulator lets thousands of members die in one.</summary>
    internal void Abandon()
    {
        _core.Abandon();
        _closing.Abandon();
    }
}
