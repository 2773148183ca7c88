// Handing the leadership to a chosen voter (spec cluster §1.9, raft thesis §3.10), also when the own disk hangs (DESIGN 4.4).
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Raft;

public sealed partial class RaftNode
{
    // Target of a transfer under way: proposals are refused meanwhile. 0 for none.
    private ulong _transferee;
    private long _diskCheckedAt;

    /// <summary>Target of a transfer under way, 0 for none. It ends within one election timeout.</summary>
    public ulong Transferee => _transferee;

    /// <summary>Hands the leadership to a voter, or asks the leader to; false when that is not possible.</summary>
    public bool TransferLeader(ulong target)
    {
        if (_role != RaftRole.Leader)
        {
            if (_leader == 0)
            {
                return false;
            }

            Send(new RaftMessage { Type = MessageType.MsgTransferLeader, To = _leader, From = target, Term = _term });
            return true;
        }

        if (target == _config.Id || target == _transferee || FindProgress(target) is not { IsLearner: false } progress)
        {
            return false;
        }

        _electionElapsed = 0;
        _transferee = target;
        var about = new RaftMessage { To = target };
        _config.Events.OnHappening(RaftHappening.TransferStarts, this, in about);
        if (progress.Match == _log.LastIndex)
        {
            _config.Events.OnHappening(RaftHappening.SuccessorCalled, this, in about);
            SendTimeoutNow(target);
        }
        else
        {
            SendAppend(progress, evenEmpty: true);
        }

        return true;
    }

    private void SendTimeoutNow(ulong target)
    {
        Send(new RaftMessage { Type = MessageType.MsgTimeoutNow, To = target, Term = _term });
    }

    // A leader whose disk gives no answer for an election timeout cannot apply what the others commit: let the voter with the
    // freshest acknowledgement lead. When none is fresh the others are no better off: stay.
    private void CheckDisk()
    {
        if (_appends.Count == 0 || _transferee != 0)
        {
            return;
        }

        long since = Math.Max(_appends.Peek().HandedOutAt, _diskCheckedAt);
        if (_now - since < _config.ElectionTicks)
        {
            return;
        }

        _diskCheckedAt = _now;
        Progress? best = null;
        foreach (Progress progress in _progress)
        {
            bool fresh = progress.AckTick >= 0 && _now - progress.AckTick <= _config.ElectionTicks;
            if (fresh && progress != _self && !progress.IsLearner && (best is null || progress.AckTick > best.AckTick
                || (progress.AckTick == best.AckTick && progress.Match > best.Match)))
            {
                best = progress;
            }
        }

        if (best is not null)
        {
            TransferLeader(best.Id);
        }
    }
}
