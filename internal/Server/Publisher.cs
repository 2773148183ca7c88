// What a member tells its cluster after each start (spec storage §7.3, cluster §3.4): its name and client URLs, in 3.5's
// form, a v2 PUT. Only once its id is in the applied membership (a stranger's attributes end real members, cluster §3.10),
// and again and again until it is applied: on its way to a leader it may be lost. Owned by: core thread.
using System.Text;
using EtcdAot.Members;
using EtcdAot.Observe;
using EtcdAot.Sys;
using EtcdAot.V2;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>Publishes the member.</summary>
internal sealed class Publisher(
    ServerOptions options, ulong memberId, ulong clusterId, MembershipKeeper membership, RequestIds ids, Log log)
{
    private const string Caller = "etcdserver/server.go";

    // long.MinValue: nothing is on its way.
    private long _proposedAt = long.MinValue;

    /// <summary>True once the member's attributes of this start are applied: it is ready to serve.</summary>
    public bool IsPublished { get; private set; }

    /// <summary>Proposes, when there is a leader to propose to.</summary>
    /// <returns>When to be called again at the latest.</returns>
    public long Step(RaftLoop loop, long now)
    {
        if (IsPublished)
        {
            return long.MaxValue;
        }

        if (_proposedAt != long.MinValue)
        {
            long due = _proposedAt + options.RequestTimeoutNanos;
            if (now < due)
            {
                return due;
            }

            Line(log.Warn(Caller, "failed to publish local member to cluster through raft"))
                .WithError(EtcdError.Timeout.Text).Write();
            _proposedAt = long.MinValue;
        }

        if (!CanPropose(loop))
        {
            return long.MaxValue;
        }

        membership.OnSelfPublished = OnPublished;
        byte[] json = MemberJson.Attributes(
            new Member(memberId, []) { Name = options.Name, ClientUrls = options.AdvertiseClientUrls });
        if (loop.ProposeOwn(Slice(V2Request.PutAttributes(ids.Next(), memberId, json))))
        {
            _proposedAt = now;
        }

        return now + options.RequestTimeoutNanos;
    }

    /// <summary>What was on its way to another leader is proposed anew; twice does no harm.</summary>
    public void OnLeaderChanged() => _proposedAt = long.MinValue;

    /// <summary>An entry's data, with one count.</summary>
    public static SlabSlice Slice(byte[] bytes)
    {
        NativeSlab slab = NativeSlab.Allocate(bytes.Length);
        bytes.CopyTo(slab.Span);
        return new SlabSlice(slab, 0, bytes.Length);
    }

    private bool CanPropose(RaftLoop loop)
    {
        return loop.Raft.Leader == memberId ? loop.LeadsForSure
            : loop.Raft.Leader != 0 && membership.Current.Members.Any(m => m.Id == memberId);
    }

    private void OnPublished()
    {
        if (!IsPublished)
        {
            // The line first: whoever waits for the member writes the next one.
            Line(log.Info(Caller, "published local member to cluster through raft"), clusterId.ToString("x")).Write();
            IsPublished = true;
        }
    }

    private LogLine Line(LogLine line, string? cluster = null)
    {
        var attributes = new StringBuilder("{Name:").Append(options.Name).Append(" ClientURLs:[")
            .AppendJoin(' ', options.AdvertiseClientUrls).Append("]}");
        line = line.With("local-member-id", memberId.ToString("x"))
            .With("local-member-attributes", attributes.ToString())
            .With("request-path", $"/0/members/{memberId:x}/attributes");
        line = cluster is null ? line : line.With("cluster-id", cluster);
        return line.With("publish-timeout", GoDuration.Text(options.RequestTimeoutNanos));
    }
}
