// Membership in its three places, kept in step (spec storage §3.5): the v2 tree, the backend's buckets, raft's
// configuration. In 3.5 the v2 tree decides. Owned by: core thread; the list of members is replaced as a whole, so that
// any thread may read it.
using System.Text;
using EtcdAot.Backend;
using EtcdAot.Members;
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.V2;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Membershippb;
using EtcdAot.Wire.Raftpb;
using Member = EtcdAot.Members.Member;

namespace EtcdAot.Server;

/// <summary>Members and cluster version of a running member.</summary>
internal sealed class MembershipKeeper
{
    private readonly Membership _membership;
    private readonly BackendStore _backend;
    private readonly MemberBuckets _buckets;
    private readonly Log _log;
    private readonly FatalEnd _fatal;
    private readonly ulong _self;
    private volatile MemberList _published;
    private volatile bool _selfIsLearner;

    public MembershipKeeper(
        Membership membership, V2Tree tree, BackendStore backend, ulong self, FatalEnd fatal, Log log)
    {
        _membership = membership;
        Tree = tree;
        _backend = backend;
        _buckets = new MemberBuckets(backend);
        _self = self;
        _log = log;
        _fatal = fatal;
        _selfIsLearner = membership.Find(self)?.IsLearner == true;
        _published = Listed();
    }

    /// <summary>The v2 tree; core thread.</summary>
    public V2Tree Tree { get; private set; }

    /// <summary>Told when this member's attributes are applied.</summary>
    public Action? OnSelfPublished { get; set; }

    /// <summary>True while this member is in the membership without a vote; any thread.</summary>
    public bool SelfIsLearner => _selfIsLearner;

    /// <summary>What is applied; any thread.</summary>
    public MemberList Current => _published;

    /// <summary>Fills a membership from a v2 tree. Null, or what cannot be read.</summary>
    public static string? Recover(V2Tree tree, Membership membership)
    {
        if (!tree.TryReadMembers(out List<V2Member> found, out string problem))
        {
            return problem;
        }

        var members = new List<Member>();
        foreach (V2Member v2 in found)
        {
            if (!MemberJson.TryRead(v2.RaftAttributes, new Member(v2.Id, []), out Member member, out _)
                || (v2.Attributes.Length > 0 && !MemberJson.TryRead(v2.Attributes, member, out member, out _)))
            {
                return $"v2 store: unreadable attributes of member {v2.Id:x}";
            }

            members.Add(member);
        }

        membership.Recover(members, tree.ReadRemoved(), tree.Version);
        return null;
    }

    /// <summary>A snapshot brought another tree. Null, or what cannot be read.</summary>
    public string? Replace(V2Tree tree)
    {
        CheckVersion(tree.Version);
        string? problem = Recover(tree, _membership);
        if (problem is null)
        {
            Tree = tree;
            Publish();
        }

        return problem;
    }

    /// <summary>Applies a conf change: to raft always, to tree and buckets when it is valid.</summary>
    public ConfChangeOutcome ApplyConfChange(ReadOnlySpan<byte> data, bool toBackend, RaftNode raft)
    {
        bool read = ConfChangeView.TryParse(data, out ConfChangeView view);
        Invariant.Check(read, "a committed conf change can be read");
        MembershipError error = _membership.Check(view, out MemberChange? change);
        if (error != MembershipError.None)
        {
            Invariant.Check(!error.IsFatal(), error.Text());

            // A refused change still has to free raft's place for the next one: node 0 is a change of nothing.
            raft.ApplyConfChange(view.Type, 0);
            return new ConfChangeOutcome(view.Id, error, null);
        }

        ConfiguredMembers members = raft.ApplyConfChange(view.Type, view.NodeId);
        Member? before = _membership.Find(view.NodeId);
        _membership.Apply(change!, toBackend ? _buckets : null);
        ApplyToTree(change!, before);
        if (toBackend)
        {
            _backend.SetConfState(ConfStateJson(members));
        }

        LogChange(change!, before);
        if (toBackend)
        {
            _log.Info("etcdserver/server.go",
                "checking and cleaning up zombie members if needed after confState changed").Write();
        }

        Publish();
        return new ConfChangeOutcome(view.Id, MembershipError.None, change);
    }

    /// <summary>What the proposer of a refused change hears; null for none.</summary>
    public static EtcdError? ErrorOf(MembershipError error) => error switch
    {
        MembershipError.None => null,
        MembershipError.IdExists => EtcdError.MemberExists,
        MembershipError.PeerUrlExists => EtcdError.PeerUrlExists,
        MembershipError.TooManyLearners => EtcdError.TooManyLearners,
        MembershipError.NotLearner => EtcdError.MemberNotLearner,
        _ => EtcdError.MemberNotFound,
    };

    /// <summary>Applies a v2 request; what touches user keys was refused at start and cannot be proposed here.</summary>
    public void ApplyV2(ReadOnlySpan<byte> data, bool toBackend)
    {
        bool read = V2Request.TryParse(data, out V2Request request);
        Invariant.Check(read, "a committed v2 request can be read");
        switch (request.Classify(Tree.HasUserKeys, out ulong memberId))
        {
            case V2RequestKind.MemberAttributes:
                SetAttributes(memberId, request.Value, toBackend);
                break;
            case V2RequestKind.ClusterVersion:
                SetVersion(Encoding.UTF8.GetString(request.Value), toBackend);
                break;
            case V2RequestKind.NotBuiltYet:
                Invariant.Fail("a v2 request on user keys was committed, which this build does not apply");
                break;
            default:
                break;
        }
    }

    /// <summary>Applies the 3.5 forms of the same (kinds 1300 and 1301).</summary>
    public void ApplyRequest(in InternalRequestView request, bool toBackend)
    {
        if (request.Op == RaftOp.ClusterVersionSet)
        {
            ClusterVersionSetRequest set = ClusterVersionSetRequest.Parser.ParseFrom(request.Body);
            SetVersion(set.Ver.ToStringUtf8(), toBackend);
            return;
        }

        ClusterMemberAttrSetRequest attributes = ClusterMemberAttrSetRequest.Parser.ParseFrom(request.Body);
        string name = attributes.MemberAttributes?.Name.ToStringUtf8() ?? "";
        string[] urls = attributes.MemberAttributes?.ClientUrls.Select(static u => u.ToStringUtf8()).ToArray() ?? [];
        byte[] json = MemberJson.Attributes(new Member(attributes.MemberID, []) { Name = name, ClientUrls = urls });
        SetAttributes(attributes.MemberID, json, toBackend);
    }

    /// <summary>Once after a start, when the replay has reached what the db holds: the db's members and configuration are
    /// made to say what tree and raft say (spec storage §3.5, traps 15 and 27). A restore by 3.4 leaves another cluster's
    /// members there, every restore its configuration.</summary>
    public void ReconcileBackend(ConfiguredMembers members)
    {
        _membership.Reconcile(_buckets);
        byte[] state = ConfStateJson(members);
        if (!_backend.Snapshot.TryGet(BackendBucket.Meta, BackendNames.ConfState, out ReadOnlySpan<byte> stored)
            || !stored.SequenceEqual(state))
        {
            _backend.SetConfState(state);
        }
    }

    /// <summary>Raft's configuration as the bucket `meta` has it (spec storage §3.2).</summary>
    public static byte[] ConfStateJson(ConfiguredMembers members)
    {
        var text = new StringBuilder("{");
        Append("voters", members.Voters);
        Append("learners", members.Learners);
        Append("voters_outgoing", members.VotersOutgoing);
        Append("learners_next", members.LearnersNext);
        text.Append("\"auto_leave\":").Append(members.AutoLeave ? "true" : "false").Append('}');
        return Encoding.ASCII.GetBytes(text.ToString());

        void Append(string name, ulong[] ids)
        {
            if (ids.Length > 0)
            {
                text.Append('"').Append(name).Append("\":[").AppendJoin(',', ids).Append("],");
            }
        }
    }

    private void SetAttributes(ulong id, ReadOnlySpan<byte> json, bool toBackend)
    {
        if (_membership.Find(id) is not { } known)
        {
            Invariant.Check(_membership.IsRemoved(id), "attributes are published by members");
            return;
        }

        if (!MemberJson.TryRead(json, known, out Member member, out _))
        {
            Invariant.Fail("published attributes can be read");
        }

        Tree.SetAttributes(id, json);
        _membership.SetAttributes(id, member.Name, member.ClientUrls, toBackend ? _buckets : null);
        if (toBackend && id == _self)
        {
            _log.Info("membership/cluster.go", "checking and cleaning up zombie members after attribute update").Write();
        }

        Publish();
        if (id == _self)
        {
            OnSelfPublished?.Invoke();
        }
    }

    private void SetVersion(string version, bool toBackend)
    {
        string before = _membership.Version;
        CheckVersion(version);
        Tree.SetVersion(version);
        _membership.SetVersion(version, toBackend ? _buckets : null);
        string shown = version.EndsWith(".0", StringComparison.Ordinal) ? version[..^2] : version;
        LogLine line = before.Length == 0
            ? _log.Info("membership/cluster.go", "set initial cluster version")
            : _log.Info("membership/cluster.go", "updated cluster version");
        line = line.With("cluster-id", _membership.ClusterId.ToString("x")).With("local-member-id", _self.ToString("x"));
        line = before.Length == 0 ? line.With("cluster-version", shown) : line.With("from", EtcdVersion.MajorMinor(before)).With("to", shown);
        line.Write();
        _log.Info("api/capability.go", "enabled capabilities for version").With("cluster-version", shown).Write();
        if (toBackend)
        {
            _log.Info("etcdserver/server.go", "cluster version is updated").With("cluster-version", shown).Write();
        }

        Publish();
    }

    // A cluster that has gone on leaves this build behind (spec cluster §4.3).
    private void CheckVersion(string version)
    {
        if (EtcdVersion.IsAbove(version, EtcdVersion.Server))
        {
            _fatal.End("membership/cluster.go",
                "invalid downgrade; server version is lower than determined cluster version",
                $"the cluster is at {version}, this build speaks {EtcdVersion.MajorMinor(EtcdVersion.Server)}");
        }
    }

    private void ApplyToTree(MemberChange change, Member? before)
    {
        if (change.Member is null)
        {
            Tree.RemoveMember(change.NodeId);
        }
        else if (before is null)
        {
            Tree.AddMember(change.NodeId, MemberJson.RaftAttributes(change.Member));
        }
        else
        {
            Tree.UpdateMember(change.NodeId, MemberJson.RaftAttributes(change.Member));
        }
    }

    private void LogChange(MemberChange change, Member? before)
    {
        const string caller = "membership/cluster.go";
        string cluster = _membership.ClusterId.ToString("x");
        string self = _self.ToString("x");
        string id = change.NodeId.ToString("x");
        if (change.Member is null)
        {
            _log.Info(caller, "removed member").With("cluster-id", cluster).With("local-member-id", self)
                .With("removed-remote-peer-id", id)
                .With("removed-remote-peer-urls", before?.PeerUrls ?? [])
                .With("removed-remote-peer-is-learner", before?.IsLearner ?? false).Write();
        }
        else if (change.IsPromote)
        {
            _log.Info(caller, "promote member").With("cluster-id", cluster).With("local-member-id", self)
                .With("promoted-member-id", id).Write();
        }
        else if (change.Type == ConfChangeType.ConfChangeUpdateNode)
        {
            _log.Info(caller, "updated member").With("cluster-id", cluster).With("local-member-id", self)
                .With("updated-remote-peer-id", id).With("updated-remote-peer-urls", change.Member.PeerUrls).Write();
        }
        else
        {
            _log.Info(caller, "added member").With("cluster-id", cluster).With("local-member-id", self)
                .With("added-peer-id", id).With("added-peer-peer-urls", change.Member.PeerUrls)
                .With("added-peer-is-learner", change.Member.IsLearner).Write();
        }
    }

    private void Publish()
    {
        _selfIsLearner = _membership.Find(_self)?.IsLearner == true;
        _published = Listed();
    }

    private MemberList Listed() => new([.. _membership.Members], _membership.Version)
    {
        Removed = new HashSet<ulong>(_membership.Removed),
    };

    /// <summary>Membership's writes as operations of the backend's open batch.</summary>
    private sealed class MemberBuckets(BackendStore backend) : IMemberStore
    {
        public void Put(MemberBucket bucket, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            backend.Put(Of(bucket), key, value);
        }

        public void Delete(MemberBucket bucket, ReadOnlySpan<byte> key) => backend.Delete(Of(bucket), key);

        public IReadOnlyList<(byte[] Key, byte[] Value)> ReadAll(MemberBucket bucket)
        {
            var all = new List<(byte[] Key, byte[] Value)>();
            BackendCursor cursor = backend.Snapshot.Cursor(Of(bucket));
            for (bool more = cursor.First(); more; more = cursor.Next())
            {
                all.Add((cursor.Key.ToArray(), cursor.Value.ToArray()));
            }

            return all;
        }

        private static BackendBucket Of(MemberBucket bucket) => bucket switch
        {
            MemberBucket.Members => BackendBucket.Members,
            MemberBucket.MembersRemoved => BackendBucket.MembersRemoved,
            _ => BackendBucket.Cluster,
        };
    }
}

/// <summary>What became of a committed conf change.</summary>
/// <param name="RequestId">Of its proposer; 0 for founders.</param>
/// <param name="Error">Why it changed nothing.</param>
/// <param name="Change">What it changed; null for nothing.</param>
internal readonly record struct ConfChangeOutcome(ulong RequestId, MembershipError Error, MemberChange? Change);

/// <summary>Members and version as applied. Immutable.</summary>
/// <param name="Members">By ascending id.</param>
/// <param name="Version">"3.5.0", empty while undecided.</param>
public sealed record MemberList(IReadOnlyList<Member> Members, string Version)
{
    internal IReadOnlyCollection<ulong> Removed { get; init; } = [];

    /// <summary>True for an id that was removed and can never come back.</summary>
    public bool IsRemoved(ulong id) => Removed.Contains(id);
}
