// The one table of errors that clients see: code and exact text (spec api-v3 §1.9). Go clients look errors up by text,
// so the text is the contract. Immutable.
namespace EtcdAot.Wire;

/// <summary>gRPC status codes that etcd uses.</summary>
public enum RpcCode
{
    Ok = 0,
    Canceled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

/// <summary>An expected outcome of a request; compared by reference. Null means success.</summary>
public sealed class EtcdError(RpcCode code, string text)
{
    public static readonly EtcdError EmptyKey = new(RpcCode.InvalidArgument, "etcdserver: key is not provided");
    public static readonly EtcdError KeyNotFound = new(RpcCode.InvalidArgument, "etcdserver: key not found");
    public static readonly EtcdError ValueProvided = new(RpcCode.InvalidArgument, "etcdserver: value is provided");
    public static readonly EtcdError LeaseProvided = new(RpcCode.InvalidArgument, "etcdserver: lease is provided");
    public static readonly EtcdError TooManyOps = new(RpcCode.InvalidArgument, "etcdserver: too many operations in txn request");
    public static readonly EtcdError DuplicateKey = new(RpcCode.InvalidArgument, "etcdserver: duplicate key given in txn request");
    public static readonly EtcdError InvalidSortOption = new(RpcCode.InvalidArgument, "etcdserver: invalid sort option");
    public static readonly EtcdError RequestTooLarge = new(RpcCode.InvalidArgument, "etcdserver: request is too large");
    public static readonly EtcdError Compacted = new(RpcCode.OutOfRange, "etcdserver: mvcc: required revision has been compacted");
    public static readonly EtcdError FutureRevision = new(RpcCode.OutOfRange, "etcdserver: mvcc: required revision is a future revision");
    public static readonly EtcdError LeaseTtlTooLarge = new(RpcCode.OutOfRange, "etcdserver: too large lease TTL");
    public static readonly EtcdError NoSpace = new(RpcCode.ResourceExhausted, "etcdserver: mvcc: database space exceeded");

    // Sent as Unknown: the original maps it to its client-side form, which carries no status.
    public static readonly EtcdError TooManyRequests = new(RpcCode.Unknown, "etcdserver: too many requests");
    public static readonly EtcdError LeaseNotFound = new(RpcCode.NotFound, "etcdserver: requested lease not found");
    public static readonly EtcdError LeaseExists = new(RpcCode.FailedPrecondition, "etcdserver: lease already exists");
    public static readonly EtcdError MemberNotFound = new(RpcCode.NotFound, "etcdserver: member not found");
    public static readonly EtcdError MemberExists = new(RpcCode.FailedPrecondition, "etcdserver: member ID already exist");
    public static readonly EtcdError PeerUrlExists = new(RpcCode.FailedPrecondition, "etcdserver: Peer URLs already exists");
    public static readonly EtcdError MemberBadUrls = new(
        RpcCode.InvalidArgument, "etcdserver: given member URLs are invalid");
    public static readonly EtcdError MemberNotLearner = new(
        RpcCode.FailedPrecondition, "etcdserver: can only promote a learner member");
    public static readonly EtcdError LearnerNotReady = new(
        RpcCode.FailedPrecondition, "etcdserver: can only promote a learner member which is in sync with leader");
    public static readonly EtcdError TooManyLearners = new(
        RpcCode.FailedPrecondition, "etcdserver: too many learner members in cluster");

    // Sent as Unknown: the original's table lacks it (spec cluster §3.6).
    public static readonly EtcdError NotEnoughStarted = new(
        RpcCode.Unknown, "etcdserver: re-configuration failed due to not enough started members");
    public static readonly EtcdError UnhealthyCluster = new(RpcCode.Unavailable, "etcdserver: unhealthy cluster");
    public static readonly EtcdError NotSupportedForLearner = new(
        RpcCode.Unavailable, "etcdserver: rpc not supported for learner");
    public static readonly EtcdError BadLeaderTransferee = new(
        RpcCode.FailedPrecondition, "etcdserver: bad leader transferee");
    public static readonly EtcdError NotLeader = new(RpcCode.FailedPrecondition, "etcdserver: not leader");
    public static readonly EtcdError NoLeader = new(RpcCode.Unavailable, "etcdserver: no leader");
    public static readonly EtcdError LeaderChanged = new(RpcCode.Unavailable, "etcdserver: leader changed");
    public static readonly EtcdError Stopped = new(RpcCode.Unavailable, "etcdserver: server stopped");
    public static readonly EtcdError Timeout = new(RpcCode.Unavailable, "etcdserver: request timed out");
    public static readonly EtcdError TimeoutDueToLeaderFail = new(
        RpcCode.Unavailable, "etcdserver: request timed out, possibly due to previous leader failure");
    public static readonly EtcdError TimeoutDueToConnectionLost = new(
        RpcCode.Unavailable, "etcdserver: request timed out, possibly due to connection lost");
    public static readonly EtcdError TimeoutLeaderTransfer = new(
        RpcCode.Unavailable, "etcdserver: request timed out, leader transfer took too long");
    public static readonly EtcdError TimeoutApply = new(
        RpcCode.Unavailable, "etcdserver: request timed out, waiting for the applied index took too long");
    public static readonly EtcdError Corrupt = new(RpcCode.DataLoss, "etcdserver: corrupt cluster");
    public static readonly EtcdError Cancelled = new(RpcCode.Unknown, "etcdserver: request cancelled");
    public static readonly EtcdError ProposalDropped = new(RpcCode.Unknown, "raft proposal dropped");
    public static readonly EtcdError DeadlineExceeded = new(RpcCode.DeadlineExceeded, "context deadline exceeded");

    public RpcCode Code { get; } = code;

    public string Text { get; } = text;
}
