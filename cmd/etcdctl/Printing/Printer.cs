// What can be printed, one method per reply. A format that does not know a reply says so after the request
// has run (etcdctl §10, Traps 2). One thread at a time.
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Cmd.Etcdctl.Printing;

/// <summary>One endpoint's answer to "endpoint health".</summary>
internal sealed record EndpointHealth(string Endpoint, bool Healthy, string Took, string Error);

/// <summary>One endpoint's answer to "endpoint status".</summary>
internal sealed record EndpointStatus(string Endpoint, StatusResponse Status);

/// <summary>One endpoint's answer to "endpoint hashkv".</summary>
internal sealed record EndpointHash(string Endpoint, HashKVResponse Hash);

/// <summary>What "snapshot status" found in a file; size in bytes.</summary>
internal sealed record SnapshotSummary(uint Hash, long Revision, long TotalKeys, long TotalSize);

/// <summary>A way of showing replies; see etcdctl §11.</summary>
internal abstract class Printer(Output output, string format)
{
    protected Output Out => output;

    /// <summary>The printer that --write-out names; fails with exit 4 for any other name.</summary>
    public static Printer Create(string format, bool hex, Terminal terminal) => format switch
    {
        "simple" => new SimplePrinter(terminal, hex),
        "fields" => new FieldsPrinter(terminal.Out),
        "json" => new JsonPrinter(terminal.Out, hex),
        "protobuf" => new ProtobufPrinter(terminal.Out),
        "table" => new TablePrinter(terminal.Out),
        _ => throw new CommandFailedException(ExitCode.BadFeature, "unsupported output format"),
    };

    public virtual void Get(RangeResponse reply) => throw Unsupported();

    public virtual void Put(PutResponse reply) => throw Unsupported();

    public virtual void Delete(DeleteRangeResponse reply) => throw Unsupported();

    public virtual void Txn(TxnResponse reply) => throw Unsupported();

    public virtual void Watch(WatchResponse reply) => throw Unsupported();

    public virtual void LeaseGrant(LeaseGrantResponse reply) => throw Unsupported();

    public virtual void LeaseRevoke(long id, LeaseRevokeResponse reply) => throw Unsupported();

    public virtual void LeaseKeepAlive(LeaseKeepAliveResponse reply) => throw Unsupported();

    /// <summary>The lease is gone; only the simple format says so.</summary>
    public virtual void LeaseGone(long id)
    {
    }

    public virtual void LeaseTimeToLive(LeaseTimeToLiveResponse reply, bool withKeys) => throw Unsupported();

    public virtual void LeaseList(LeaseLeasesResponse reply) => throw Unsupported();

    public virtual void MemberList(MemberListResponse reply) => throw Unsupported();

    public virtual void Health(IReadOnlyList<EndpointHealth> list) => throw Unsupported();

    public virtual void Status(IReadOnlyList<EndpointStatus> list) => throw Unsupported();

    public virtual void Hashes(IReadOnlyList<EndpointHash> list) => throw Unsupported();

    public virtual void Alarm(AlarmResponse reply) => throw Unsupported();

    public virtual void Snapshot(SnapshotSummary summary) => throw Unsupported();

    /// <summary>"STARTED" once a member has announced its name.</summary>
    protected static string StatusOf(Member member) => member.Name.Length == 0 ? "unstarted" : "started";

    protected CommandFailedException Unsupported()
    {
        return new CommandFailedException(ExitCode.BadFeature, $"{format} not supported as output format");
    }
}
