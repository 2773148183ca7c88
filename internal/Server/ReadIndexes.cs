// Linearizable reads that need a round (spec cluster §5.3): all that wait share one, retried every 500 ms with a new id,
// failed together when the leader changes. Owned by: core thread.
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>Rounds of read index.</summary>
internal sealed class ReadIndexes(
    RaftNode raft, RequestIds ids, long timeoutNanos, Completions completions, ServerMetrics metrics, Log log)
{
    private const string Caller = "etcdserver/v3_server.go";
    private const long RetryNanos = 500_000_000;
    private readonly HashSet<ulong> _roundIds = [];
    private List<ReadWaiter> _queued = [];
    private List<ReadWaiter> _round = [];
    private long _roundStarted;
    private long _retryAt;
    private ulong _index;
    private ulong _lastId;

    /// <summary>True when waiters want the core to step again soon.</summary>
    public bool Waiting => _queued.Count + _round.Count > 0;

    /// <summary>When <see cref="Step"/> has something to do without being told.</summary>
    public long NextDueNanos => _round.Count > 0 && _index == 0 ? Math.Min(_retryAt, _roundStarted + timeoutNanos)
        : long.MaxValue;

    public void Add(ReadWaiter waiter) => _queued.Add(waiter);

    /// <summary>Starts, retries or times out the round.</summary>
    public void Step(long now)
    {
        if (_round.Count == 0 && _queued.Count > 0)
        {
            (_round, _queued) = (_queued, _round);
            Probe.Hit("linearizable reads share a round");
            _roundIds.Clear();
            _index = 0;
            _roundStarted = now;
            _retryAt = now;
        }

        if (_round.Count == 0 || _index != 0)
        {
            return;
        }

        if (now - _roundStarted >= timeoutNanos)
        {
            metrics.SlowReadIndexes.Add();
            metrics.ReadIndexesFailed.Add();
            log.Warn(Caller, "timed out waiting for read index response (local node might have slow network)")
                .With("timeout", GoDuration.Text(timeoutNanos)).Write();
            EndRound(EtcdError.Timeout);
        }
        else if (now >= _retryAt)
        {
            if (_roundIds.Count > 0)
            {
                log.Warn(Caller, "waiting for ReadIndex response took too long, retrying")
                    .With("sent-request-id", _lastId).With("retry-timeout", "500ms").Write();
            }

            _lastId = ids.Next();
            _roundIds.Add(_lastId);
            raft.ReadIndex(_lastId);
            _retryAt = now + RetryNanos;
        }
    }

    /// <summary>An answer of raft; an id of another round is out of date.</summary>
    public void OnReadState(ReadState state)
    {
        if (_round.Count > 0 && _index == 0 && _roundIds.Contains(state.Context))
        {
            _index = Math.Max(1, state.Index);
            OnApplied(raft.Applied);
        }
    }

    /// <summary>Releases the round when its index is applied.</summary>
    public void OnApplied(ulong applied)
    {
        if (_index != 0 && applied >= _index)
        {
            EndRound(null);
        }
    }

    public void OnLeaderChanged()
    {
        if (_index == 0 && _roundIds.Count > 0)
        {
            EndRound(EtcdError.LeaderChanged);
        }
    }

    public void Stop()
    {
        EndRound(EtcdError.Stopped);
        (_round, _queued) = (_queued, _round);
        EndRound(EtcdError.Stopped);
    }

    private void EndRound(EtcdError? error)
    {
        foreach (ReadWaiter waiter in _round)
        {
            waiter.Error = error;
            completions.Add(waiter);
        }

        _round.Clear();
        _roundIds.Clear();
        _index = 0;
    }
}
