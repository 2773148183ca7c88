// How a new cluster starts: ids from names and URLs, and the entries that every member writes for itself, byte for byte the
// same on all (spec storage §7.4). Stateless; start-up thread.
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Members;

/// <summary>The founding members of a cluster.</summary>
/// <param name="ClusterId">Id of the new cluster.</param>
/// <param name="Members">Members by ascending id.</param>
public sealed record Bootstrap(ulong ClusterId, IReadOnlyList<Member> Members)
{
    /// <summary>Derives ids from an initial cluster. False with the original's text when two members get the same id.</summary>
    public static bool TryFound(
        IEnumerable<(string Name, IReadOnlyList<string> PeerUrls)> initialCluster,
        string token,
        out Bootstrap? bootstrap,
        out string problem)
    {
        bootstrap = null;
        problem = "";
        var byId = new SortedDictionary<ulong, Member>();
        foreach ((string name, IReadOnlyList<string> urls) in initialCluster)
        {
            ulong id = MemberIds.OfBootstrapped(urls, token);
            var member = new Member(id, [.. urls.Order(StringComparer.Ordinal)]) { Name = name };
            if (id == 0)
            {
                problem = "cannot use 0 as member id";
                return false;
            }

            if (!byId.TryAdd(id, member))
            {
                problem = $"member exists with identical ID {member.HexId}";
                return false;
            }
        }

        bootstrap = new Bootstrap(MemberIds.OfCluster(byId.Keys), [.. byId.Values]);
        return true;
    }

    /// <summary>The founding member of that name, or null.</summary>
    public Member? Find(string name) => Members.FirstOrDefault(m => m.Name == name);

    /// <summary>One ConfChangeAddNode entry for each member: index 1..n, term 1. Each holds one count.</summary>
    public LogEntry[] Entries(SlabArena arena)
    {
        var entries = new LogEntry[Members.Count];
        for (int i = 0; i < entries.Length; i++)
        {
            var change = new ConfChangeView
            {
                Type = ConfChangeType.ConfChangeAddNode,
                NodeId = Members[i].Id,
                Context = MemberJson.AddContext(Members[i]),
            };
            SlabSlice data = arena.Rent(change.Size, out Span<byte> bytes);
            change.WriteTo(bytes);
            entries[i] = new LogEntry { Kind = EntryKind.ConfChange, Term = 1, Index = (ulong)i + 1, Data = data };
        }

        return entries;
    }

    /// <summary>The state that goes with the entries: term 1, no vote, everything committed.</summary>
    public DurableState State => new(1, 0, (ulong)Members.Count);
}
