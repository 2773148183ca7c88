// One member as the rooms above see it: hand requests in, read the published view, ask how it stands. It owns the core,
// log and backend actors; the program gives them threads, the simulator steps them. Any thread unless said.
using EtcdAot.Members;
using EtcdAot.Mvcc;
using EtcdAot.Sys;
using EtcdAot.Wal;
using EtcdAot.Wire;
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

    /// <summary>True while this member is known to have no vote.</summary>
    public bool IsLearner => _parts.Membership.SelfIsLearner;

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

    /// <summary>The log's writing half; idle while this member is its cluster's only voter.</summary>
    public Actor LogActor => _parts.LogWriter;

    /// <summary>Members that the start knows of, to be peers from the first moment.</summary>
    internal IReadOnlyList<Member> KnownPeers { get; init; } = [];

    /// <summary>Members that a joiner was told of.</summary>
    internal IReadOnlyList<Member> KnownRemotes { get; init; } = [];

    /// <summary>Before any actor runs: the ways to other members.</summary>
    /// <param name="transport">For raft's messages.</param>
    /// <param name="calls">For everything else.</param>
    /// <param name="onRemoved">Called once on the core thread when this member was removed from its cluster and has to
    /// stop.</param>
    public void Connect(IPeerTransport transport, IPeerCalls calls, Action? onRemoved)
    {
        _parts.Peers.Connect(transport, KnownPeers, KnownRemotes);
        _core.Connect(calls, onRemoved);
    }

    /// <summary>Begins to take in the db that comes with a snapshot; finished before its message is received. Any thread,
    /// which must be one that may wait for the disk.</summary>
    /// <param name="index">Index of the message's snapshot.</param>
    /// <param name="error">Text when the result is null.</param>
    public ReceivedDatabase? ReceiveDatabase(ulong index, out string? error)
    {
        WalError e = _parts.Snaps.Receive(index, out ReceivedDatabase? receiving);
        error = e.Failed ? e.Text : null;
        return receiving;
    }

    /// <summary>A message of another member came; takes over its counts.</summary>
    public void Receive(in RaftMessage message) => _core.Receive(message);

    /// <summary>Something on its way to a peer was lost.</summary>
    public void ReportUnreachable(ulong id) => _core.ReportUnreachable(id);

    /// <summary>The snapshot for a peer was delivered, or not.</summary>
    public void ReportSnapshot(ulong id, bool delivered) => _core.ReportSnapshot(id, delivered);

    /// <summary>A peer says that this member was removed from the cluster.</summary>
    public void ReportRemoved() => _core.ReportRemoved();

    /// <summary>Ids that were removed from the cluster and whose connections are refused.</summary>
    public bool IsRemoved(ulong id) => _parts.Membership.Current.IsRemoved(id);

    /// <summary>Hands in a change of the membership.</summary>
    public void Change(MemberRequest request)
    {
        request.Core = _core;
        _core.Post(request);
    }

    /// <summary>Hands in a request to the core.</summary>
    public void Hand(CoreRequest request)
    {
        request.Core = _core;
        _core.Post(request);
    }

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

    /// <summary>Ends in order after all actors' threads have stopped: log and db durable, files closed.</summary>
    public void Close() => _closing.Close();

    /// <summary>Gives back the memory of a member that has died without <see cref="Close"/>; nothing is written. A process
    /// has no need of it, the simulator lets thousands of members die in one.</summary>
    internal void Abandon()
    {
        _core.Abandon();
        _closing.Abandon();
    }
}
