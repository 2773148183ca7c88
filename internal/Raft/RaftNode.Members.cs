// The applied configuration and its changes, one at a time (spec cluster §1.10, raft thesis §4.1). A change is in force when
// its entry is applied, on each member separately. Joint configurations do not exist in etcd.
using EtcdAot.Observe;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Raft;

public sealed partial class RaftNode
{
    // Ascending ids, so that messages leave in a fixed order.
    private Progress[] _progress = [];
    private Progress? _self;
    private int _voterCount;

    // No conf change is proposed while this index is not applied.
    private ulong _pendingConfIndex;

    /// <summary>The applied configuration.</summary>
    public ConfiguredMembers Members { get; private set; } = ConfiguredMembers.Empty;

    /// <summary>What the leader knows of a member; null for a stranger. Values mean something on the leader only.</summary>
    public Progress? FindProgress(ulong id)
    {
        foreach (Progress progress in _progress)
        {
            if (progress.Id == id)
            {
                return progress;
            }
        }

        return null;
    }

    /// <summary>Applies one committed conf change, just before <see cref="OnApplied"/> of its index. A change that the
    /// membership refuses is applied with <paramref name="id"/> 0: nothing changes.</summary>
    /// <returns>The configuration from now on.</returns>
    public ConfiguredMembers ApplyConfChange(ConfChangeType type, ulong id)
    {
        Progress? member = FindProgress(id);
        bool leaves = type == ConfChangeType.ConfChangeRemoveNode;
        if (id == 0 || type == ConfChangeType.ConfChangeUpdateNode || (leaves && member is null))
        {
            return Members;
        }

        if (member is { IsLearner: false } && _voterCount == 1 && type != ConfChangeType.ConfChangeAddNode)
        {
            Fail(RaftFault.RemovedAllVoters);
            return Members;
        }

        if (leaves)
        {
            _progress = Array.FindAll(_progress, p => p.Id != id);
        }
        else
        {
            member ??= AddProgress(id);
            member.IsLearner = type == ConfChangeType.ConfChangeAddLearnerNode;
        }

        MembersChanged();
        if (_role == RaftRole.Leader && Members.Voters.Length > 0)
        {
            // The quorum may have shrunk, and a new member is to be probed at once.
            MaybeCommit();
            _sendEntries = true;
            if (_transferee != 0 && FindProgress(_transferee) is not { IsLearner: false })
            {
                _transferee = 0;
            }
        }

        return Members;
    }

    private Progress AddProgress(ulong id)
    {
        var added = new Progress(id, _config.InflightMax);
        added.Reset(0, Math.Max(_log.LastIndex, 1));
        // Else a quorum check right after would count it as dead, and it could get no snapshot.
        added.RecentActive = true;
        _progress = [.. _progress, added];
        Array.Sort(_progress, (a, b) => a.Id.CompareTo(b.Id));
        return added;
    }

    private void SetMembers(ConfiguredMembers members)
    {
        Invariant.Check(members.VotersOutgoing.Length == 0, "etcd has no joint configurations");
        _progress = [];
        foreach (ulong id in members.Voters)
        {
            AddProgress(id);
        }

        foreach (ulong id in members.Learners)
        {
            AddProgress(id).IsLearner = true;
        }

        MembersChanged();
    }

    private void MembersChanged()
    {
        _self = FindProgress(_config.Id);
        ulong[] voters = [.. _progress.Where(p => !p.IsLearner).Select(p => p.Id)];
        ulong[] learners = [.. _progress.Where(p => p.IsLearner).Select(p => p.Id)];
        _voterCount = voters.Length;
        Members = new ConfiguredMembers(voters, learners);
        _config.Events.OnMembers(Members);
    }
}
