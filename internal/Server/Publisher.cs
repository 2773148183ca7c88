// What a member tells its cluster after each start (spec storage §7.3, cluster §5): its name and client URLs, and, as
// leader, the cluster version. In 3.5's form: v2 PUTs. Owned by: core thread.
using System.Text;
using EtcdAot.Members;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.V2;

namespace EtcdAot.Server;

/// <summary>Publishes the member and decides the cluster version.</summary>
internal sealed class Publisher(
    ServerOptions options, ulong memberId, ulong clusterId, MembershipKeeper membership, RequestIds ids, Log log)
{
    /// <summary>The version that this build brings a cluster of its own to.</summary>
    public const string ClusterVersion = "3.5.0";

    private bool _attributesProposed;
    private bool _versionProposed;

    /// <summary>True once the member's attributes of this start are applied: it is ready to serve.</summary>
    public bool IsPublished { get; private set; }

    /// <summary>Proposes what is missing, when this member leads.</summary>
    public void Step(RaftLoop loop, bool leads, bool termEntryApplied)
    {
        if (IsPublished && _versionProposed)
        {
            return;
        }

        if (leads && termEntryApplied && !_attributesProposed)
        {
            _attributesProposed = true;
            membership.OnSelfPublished = OnPublished;
            byte[] json = MemberJson.Attributes(
                new Member(memberId, []) { Name = options.Name, ClientUrls = options.AdvertiseClientUrls });
            loop.ProposeOwn(Slice(V2Request.PutAttributes(ids.Next(), memberId, json)));
        }

        if (leads && termEntryApplied && !_versionProposed)
        {
            _versionProposed = true;
            string known = membership.Current.Version;
            if (known != ClusterVersion)
            {
                LogVersion(known);
                loop.ProposeOwn(Slice(V2Request.PutVersion(ids.Next(), ClusterVersion)));
            }
        }
    }

    private static SlabSlice Slice(byte[] bytes)
    {
        NativeSlab slab = NativeSlab.Allocate(bytes.Length);
        bytes.CopyTo(slab.Span);
        return new SlabSlice(slab, 0, bytes.Length);
    }

    private void LogVersion(string known)
    {
        if (known.Length == 0)
        {
            log.Info("etcdserver/server.go", "setting up initial cluster version using v2 API")
                .With("cluster-version", "3.5").Write();
            return;
        }

        log.Info("etcdserver/server.go", "updating cluster version using v2 API")
            .With("from", known[..^2]).With("to", "3.5").Write();
    }

    private void OnPublished()
    {
        if (IsPublished)
        {
            return;
        }

        var attributes = new StringBuilder("{Name:").Append(options.Name).Append(" ClientURLs:[")
            .AppendJoin(' ', options.AdvertiseClientUrls).Append("]}");
        log.Info("etcdserver/server.go", "published local member to cluster through raft")
            .With("local-member-id", memberId.ToString("x"))
            .With("local-member-attributes", attributes.ToString())
            .With("request-path", $"/0/members/{memberId:x}/attributes")
            .With("cluster-id", clusterId.ToString("x"))
            .With("publish-timeout", GoDuration.Text(options.RequestTimeoutNanos)).Write();
        IsPublished = true;
    }
}
