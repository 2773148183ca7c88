// Watches a cluster from outside and compares with what raft promises. Each check costs O(1) for each entry and member that
// passes it: a run of ten million steps checks every one of them.
using EtcdAot.Raft;
using EtcdAot.Wire;

namespace EtcdAot.Tests.Model.Raft;

/// <summary>A promise was broken.</summary>
public sealed class BrokenPromiseException(string message) : Exception(message);

/// <summary>What was ever true of the cluster: leaders, entries, commits, reads.</summary>
internal sealed class Checker
{
    private readonly Dictionary<ulong, ulong> _leaderOfTerm = [];
    private readonly Dictionary<(ulong Voter, ulong Term), ulong> _votes = [];
    private readonly Dictionary<(ulong Index, ulong Term), (ulong PreviousTerm, int Value, EntryKind Kind)> _entries = [];

    // Position i holds index i; 0 is unused.
    private readonly List<Committed> _committed = [new(0, 0, EntryKind.Normal, 0, ConfiguredMembers.Empty)];
    private readonly List<ulong> _committedWhenAsked = [0];

    private record struct Committed(ulong Term, int Value, EntryKind Kind, ulong NoticedInTerm, ConfiguredMembers? Members);

    public ulong LastCommitted => (ulong)_committed.Count - 1;

    public long Reads { get; private set; }

    public static void That(bool holds, string promise)
    {
        if (!holds)
        {
            throw new BrokenPromiseException(promise);
        }
    }

    /// <summary>Election safety (§5.2) and leader completeness (§5.4): one leader a term, and it has all that was committed.</summary>
    public void BecameLeader(RaftNode node)
    {
        if (!_leaderOfTerm.TryAdd(node.Term, node.Id))
        {
            That(_leaderOfTerm[node.Term] == node.Id, $"election safety: {_leaderOfTerm[node.Term]} and {node.Id} in term {node.Term}");
            return;
        }

        ulong i = LastCommitted;
        while (i > 0 && _committed[(int)i].NoticedInTerm >= node.Term)
        {
            i--;
        }

        if (i >= node.Log.FirstIndex)
        {
            That(node.Log.Matches(i, _committed[(int)i].Term), $"leader completeness: {node.Id} leads term {node.Term} without {i}");
        }
    }

    /// <summary>A member votes for one candidate in a term, whatever it forgets in between (§5.2).</summary>
    public void Voted(ulong voter, ulong term, ulong candidate)
    {
        if (!_votes.TryAdd((voter, term), candidate))
        {
            That(_votes[(voter, term)] == candidate, $"{voter} votes for {_votes[(voter, term)]} and {candidate} in term {term}");
        }
    }

    /// <summary>Log matching (§5.3): same index and term is the same entry behind the same entry.</summary>
    public void Appended(ulong previousTerm, in LogEntry entry)
    {
        (ulong, int, EntryKind) now = (previousTerm, entry.Data.Offset, entry.Kind);
        if (!_entries.TryAdd((entry.Index, entry.Term), now))
        {
            That(_entries[(entry.Index, entry.Term)] == now, $"log matching at {entry.Index} term {entry.Term}");
        }
    }

    /// <summary>State machine safety (§5.4.3), seen at the commit index already: nobody commits another entry at an index.</summary>
    public void Commit(RaftNode node, ulong index)
    {
        if (index < node.Log.FirstIndex)
        {
            That(index <= LastCommitted, $"snapshot at {index} of what was never committed");
            return;
        }

        ref readonly LogEntry entry = ref node.Log.At(index);
        That(index <= LastCommitted + 1, "commits leave no gap");
        if (index == LastCommitted + 1)
        {
            _committed.Add(new Committed(entry.Term, entry.Data.Offset, entry.Kind, node.Term, null));
            return;
        }

        Committed known = _committed[(int)index];
        That(known.Term == entry.Term && known.Value == entry.Data.Offset && known.Kind == entry.Kind,
            $"state machine safety: {node.Id} commits term {entry.Term} at {index}, known is term {known.Term}");
    }

    /// <summary>The entry that a state machine applies is the committed one.</summary>
    public void Applied(ulong index, ulong term, int value)
    {
        That(index <= LastCommitted, "only what is committed is applied");
        Committed known = _committed[(int)index];
        That(known.Term == term && known.Value == value, $"another entry was applied at {index}");
    }

    /// <summary>Every member has the same configuration as of an index.</summary>
    public void AppliedMembers(ulong index, ConfiguredMembers members)
    {
        Committed known = _committed[(int)index];
        if (known.Members is null)
        {
            _committed[(int)index] = known with { Members = members };
            return;
        }

        That(known.Members.Voters.AsSpan().SequenceEqual(members.Voters)
            && known.Members.Learners.AsSpan().SequenceEqual(members.Learners), $"configurations differ at {index}");
    }

    /// <summary>The configuration as of an index.</summary>
    public ConfiguredMembers MembersAt(ulong index)
    {
        while (_committed[(int)index].Members is null)
        {
            index--;
        }

        return _committed[(int)index].Members!;
    }

    public ulong TermAt(ulong index) => _committed[(int)index].Term;

    /// <summary>A read begins: a new context.</summary>
    public ulong AskRead()
    {
        _committedWhenAsked.Add(LastCommitted);
        return (ulong)_committedWhenAsked.Count - 1;
    }

    /// <summary>Linearizable reads (thesis §6.4): the index covers what was committed anywhere when the read was asked.</summary>
    public void AnswerRead(ReadState read)
    {
        Reads++;
        That(read.Index >= _committedWhenAsked[(int)read.Context],
            $"stale read: index {read.Index}, {_committedWhenAsked[(int)read.Context]} was committed when asked");
        That(read.Index <= LastCommitted, "a read index is committed");
    }
}
