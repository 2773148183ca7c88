// The cluster's members as applied so far: members, removed ids, cluster version. Owned by the apply actor. Pure state: it
// checks, applies and persists through IMemberStore; it knows no raft, no clock and no v2 tree.
using System.Text;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Members;

/// <summary>A conf change that was checked: what it does to the membership.</summary>
/// <param name="Type">Kind of change.</param>
/// <param name="NodeId">Member concerned.</param>
/// <param name="Member">The member after the change; null for a removal.</param>
/// <param name="IsPromote">True when a learner gets its vote.</param>
public sealed record MemberChange(ConfChangeType Type, ulong NodeId, Member? Member, bool IsPromote);

/// <summary>Members, removed ids and cluster version.</summary>
public sealed class Membership(ulong clusterId, int maxLearners = 1)
{
    private static readonly byte[] VersionKey = "clusterVersion"u8.ToArray();
    private readonly SortedDictionary<ulong, Member> _members = [];
    private readonly SortedSet<ulong> _removed = [];

    /// <summary>Id of the cluster.</summary>
    public ulong ClusterId => clusterId;

    /// <summary>Members by ascending id.</summary>
    public IReadOnlyCollection<Member> Members => _members.Values;

    /// <summary>Ids that were removed and can never come back.</summary>
    public IReadOnlyCollection<ulong> Removed => _removed;

    /// <summary>"3.5.0", or empty while it is not decided.</summary>
    public string Version { get; private set; } = "";

    /// <summary>The member with an id, or null.</summary>
    public Member? Find(ulong id) => _members.GetValueOrDefault(id);

    /// <summary>True when the id was removed.</summary>
    public bool IsRemoved(ulong id) => _removed.Contains(id);

    /// <summary>Ids with a vote, ascending.</summary>
    public ulong[] VoterIds() => [.. _members.Values.Where(m => !m.IsLearner).Select(m => m.Id)];

    /// <summary>Ids without a vote, ascending.</summary>
    public ulong[] LearnerIds() => [.. _members.Values.Where(m => m.IsLearner).Select(m => m.Id)];

    /// <summary>Fills in what a snapshot or the backend holds; forgets everything before.</summary>
    public void Recover(IEnumerable<Member> members, IEnumerable<ulong> removed, string version)
    {
        _members.Clear();
        _removed.Clear();
        foreach (Member member in members)
        {
            _members[member.Id] = member;
        }

        _removed.UnionWith(removed);
        Version = version;
    }

    /// <summary>Reads the buckets (3.6 level data, tools). False with the offending key when one is unreadable.</summary>
    public bool TryRecover(IMemberStore store, out string problem)
    {
        var members = new List<Member>();
        foreach ((byte[] key, byte[] value) in store.ReadAll(MemberBucket.Members))
        {
            if (!MemberJson.TryRead(value, new Member(0, []), out Member member, out _) || member.Id == 0)
            {
                problem = "unreadable member " + Encoding.UTF8.GetString(key);
                return false;
            }

            members.Add(member);
        }

        var removed = new List<ulong>();
        foreach ((byte[] key, _) in store.ReadAll(MemberBucket.MembersRemoved))
        {
            if (!TryParseHexId(key, out ulong id))
            {
                problem = "unreadable removed member " + Encoding.UTF8.GetString(key);
                return false;
            }

            removed.Add(id);
        }

        (byte[] Key, byte[] Value) version = store.ReadAll(MemberBucket.Cluster)
            .FirstOrDefault(p => p.Key.AsSpan().SequenceEqual(VersionKey));
        Recover(members, removed, version.Value is null ? "" : Encoding.UTF8.GetString(version.Value));
        problem = "";
        return true;
    }

    /// <summary>Checks a conf change in the original's order (§7.4). On None, <paramref name="change"/> is what
    /// <see cref="Apply"/> takes.</summary>
    public MembershipError Check(in ConfChangeView view, out MemberChange? change)
    {
        change = null;
        bool isPromote = false;
        Member? fromContext = null;
        if (view.Type != ConfChangeType.ConfChangeRemoveNode)
        {
            if (!MemberJson.TryRead(view.Context, new Member(0, []), out fromContext, out isPromote))
            {
                return MembershipError.BadContext;
            }

            if (fromContext.Id != view.NodeId)
            {
                return MembershipError.WrongContextId;
            }
        }

        if (_removed.Contains(view.NodeId))
        {
            return MembershipError.IdRemoved;
        }

        Member? known = Find(view.NodeId);
        MembershipError error = view.Type switch
        {
            ConfChangeType.ConfChangeRemoveNode => known is null ? MembershipError.IdNotFound : MembershipError.None,
            ConfChangeType.ConfChangeUpdateNode => CheckUpdate(known, fromContext!),
            _ when isPromote => CheckPromote(known),
            _ => CheckAdd(known, fromContext!, view.Type == ConfChangeType.ConfChangeAddLearnerNode),
        };
        if (error == MembershipError.None)
        {
            change = new MemberChange(view.Type, view.NodeId, After(view.Type, known, fromContext, isPromote), isPromote);
        }

        return error;
    }

    /// <summary>Carries a checked change out.</summary>
    /// <param name="change">From <see cref="Check"/>, with nothing applied in between.</param>
    /// <param name="store">Where it persists; null while entries at or below the consistent index are replayed.</param>
    public void Apply(MemberChange change, IMemberStore? store)
    {
        byte[] key = Encoding.ASCII.GetBytes(change.NodeId.ToString("x"));
        if (change.Member is null)
        {
            _members.Remove(change.NodeId);
            _removed.Add(change.NodeId);
            store?.Delete(MemberBucket.Members, key);
            store?.Put(MemberBucket.MembersRemoved, key, "removed"u8);
            return;
        }

        _members[change.NodeId] = change.Member;
        store?.Put(MemberBucket.Members, key, MemberJson.Flat(change.Member));
    }

    /// <summary>Sets name and client URLs of a member (publish, kinds 1301 and v2 PUT). False for an id that is not a
    /// member: ignored when it was removed, fatal when it never was one (cluster §3.10).</summary>
    public bool SetAttributes(ulong id, string name, IReadOnlyList<string> clientUrls, IMemberStore? store)
    {
        if (Find(id) is not { } known)
        {
            return false;
        }

        Member member = known with { Name = name, ClientUrls = clientUrls };
        _members[id] = member;
        store?.Put(MemberBucket.Members, Encoding.ASCII.GetBytes(member.HexId), MemberJson.Flat(member));
        return true;
    }

    /// <summary>Sets the cluster version, always major.minor.0.</summary>
    public void SetVersion(string version, IMemberStore? store)
    {
        Version = version;
        store?.Put(MemberBucket.Cluster, VersionKey, Encoding.UTF8.GetBytes(version));
    }

    /// <summary>Makes the buckets say what this membership says: members that only the backend knows ("zombies", §3.5) go
    /// and count as removed, missing or differing records are written.</summary>
    public void Reconcile(IMemberStore store)
    {
        var stored = new HashSet<ulong>();
        foreach ((byte[] key, byte[] value) in store.ReadAll(MemberBucket.Members))
        {
            if (!TryParseHexId(key, out ulong id) || Find(id) is not { } member)
            {
                store.Delete(MemberBucket.Members, key);
                store.Put(MemberBucket.MembersRemoved, key, "removed"u8);
            }
            else if (value.AsSpan().SequenceEqual(MemberJson.Flat(member)))
            {
                stored.Add(id);
            }
        }

        foreach (Member member in _members.Values)
        {
            if (!stored.Contains(member.Id))
            {
                store.Put(MemberBucket.Members, Encoding.ASCII.GetBytes(member.HexId), MemberJson.Flat(member));
            }
        }
    }

    /// <summary>Lower-case hex without padding.</summary>
    public static bool TryParseHexId(ReadOnlySpan<byte> text, out ulong id)
    {
        return ulong.TryParse(text, System.Globalization.NumberStyles.AllowHexSpecifier, null, out id) && text.Length <= 16;
    }

    private static Member? After(ConfChangeType type, Member? known, Member? fromContext, bool isPromote) => type switch
    {
        ConfChangeType.ConfChangeRemoveNode => null,
        ConfChangeType.ConfChangeUpdateNode => known! with { PeerUrls = fromContext!.PeerUrls },
        _ when isPromote => known! with { IsLearner = false },
        _ => fromContext,
    };

    private static MembershipError CheckPromote(Member? known)
    {
        return known is null ? MembershipError.IdNotFound
            : known.IsLearner ? MembershipError.None : MembershipError.NotLearner;
    }

    private MembershipError CheckUpdate(Member? known, Member wanted)
    {
        if (known is null)
        {
            return MembershipError.IdNotFound;
        }

        return _members.Values.Any(m => m.Id != known.Id && m.SharesPeerUrl(wanted.PeerUrls))
            ? MembershipError.PeerUrlExists
            : MembershipError.None;
    }

    private MembershipError CheckAdd(Member? known, Member wanted, bool asLearner)
    {
        if (known is not null)
        {
            return MembershipError.IdExists;
        }

        if (_members.Values.Any(m => m.SharesPeerUrl(wanted.PeerUrls)))
        {
            return MembershipError.PeerUrlExists;
        }

        return asLearner && LearnerIds().Length >= maxLearners ? MembershipError.TooManyLearners : MembershipError.None;
    }
}
