// The methods of this comparison, with the classes that their bytes mean.
using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Health;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>One method: path, request class, reply class.</summary>
internal sealed record RawMethod(string Service, string Name, MessageDescriptor Request, MessageDescriptor Reply)
{
    public string Path => $"{Service[(Service.LastIndexOf('.') + 1)..]}.{Name}";

    /// <summary>The request decoded, or null when our classes cannot.</summary>
    public IMessage? Decode(byte[] bytes)
    {
        try
        {
            return Request.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}

/// <summary>All of them.</summary>
internal static class RawMethods
{
    public static readonly RawMethod Range = Of("KV", "Range", RangeRequest.Descriptor, RangeResponse.Descriptor);
    public static readonly RawMethod Put = Of("KV", "Put", PutRequest.Descriptor, PutResponse.Descriptor);
    public static readonly RawMethod DeleteRange =
        Of("KV", "DeleteRange", DeleteRangeRequest.Descriptor, DeleteRangeResponse.Descriptor);
    public static readonly RawMethod Txn = Of("KV", "Txn", TxnRequest.Descriptor, TxnResponse.Descriptor);
    public static readonly RawMethod Compact =
        Of("KV", "Compact", CompactionRequest.Descriptor, CompactionResponse.Descriptor);
    public static readonly RawMethod Watch = Of("Watch", "Watch", WatchRequest.Descriptor, WatchResponse.Descriptor);
    public static readonly RawMethod LeaseGrant =
        Of("Lease", "LeaseGrant", LeaseGrantRequest.Descriptor, LeaseGrantResponse.Descriptor);
    public static readonly RawMethod LeaseRevoke =
        Of("Lease", "LeaseRevoke", LeaseRevokeRequest.Descriptor, LeaseRevokeResponse.Descriptor);
    public static readonly RawMethod LeaseKeepAlive =
        Of("Lease", "LeaseKeepAlive", LeaseKeepAliveRequest.Descriptor, LeaseKeepAliveResponse.Descriptor);
    public static readonly RawMethod LeaseTimeToLive =
        Of("Lease", "LeaseTimeToLive", LeaseTimeToLiveRequest.Descriptor, LeaseTimeToLiveResponse.Descriptor);
    public static readonly RawMethod LeaseLeases =
        Of("Lease", "LeaseLeases", LeaseLeasesRequest.Descriptor, LeaseLeasesResponse.Descriptor);
    public static readonly RawMethod MemberList =
        Of("Cluster", "MemberList", MemberListRequest.Descriptor, MemberListResponse.Descriptor);
    public static readonly RawMethod Status =
        Of("Maintenance", "Status", StatusRequest.Descriptor, StatusResponse.Descriptor);
    public static readonly RawMethod Alarm =
        Of("Maintenance", "Alarm", AlarmRequest.Descriptor, AlarmResponse.Descriptor);
    public static readonly RawMethod Hash = Of("Maintenance", "Hash", HashRequest.Descriptor, HashResponse.Descriptor);
    public static readonly RawMethod HashKv =
        Of("Maintenance", "HashKV", HashKVRequest.Descriptor, HashKVResponse.Descriptor);
    public static readonly RawMethod Snapshot =
        Of("Maintenance", "Snapshot", SnapshotRequest.Descriptor, SnapshotResponse.Descriptor);
    public static readonly RawMethod Defragment =
        Of("Maintenance", "Defragment", DefragmentRequest.Descriptor, DefragmentResponse.Descriptor);
    public static readonly RawMethod HealthCheck = new("grpc.health.v1.Health", "Check",
        HealthCheckRequest.Descriptor, HealthCheckResponse.Descriptor);
    public static readonly RawMethod HealthWatch = new("grpc.health.v1.Health", "Watch",
        HealthCheckRequest.Descriptor, HealthCheckResponse.Descriptor);

    public static readonly RawMethod[] All =
    [
        Range, Put, DeleteRange, Txn, Compact, Watch, LeaseGrant, LeaseRevoke, LeaseKeepAlive, LeaseTimeToLive,
        LeaseLeases, MemberList, Status, Alarm, Hash, HashKv, Snapshot, Defragment, HealthCheck, HealthWatch,
    ];

    private static RawMethod Of(string service, string name, MessageDescriptor request, MessageDescriptor reply) =>
        new("etcdserverpb." + service, name, request, reply);
}
