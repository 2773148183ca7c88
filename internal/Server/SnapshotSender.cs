// Snapshots for peers that the log no longer reaches (spec cluster §2.10): raft asks for one, what is sent is the state as it
// is applied when it is built, in one piece: index, configuration, v2 tree and a copy of the db of the same moment (trap
// 14). One at a time; while one is on its way, and some time after, the log keeps what the receiver will need next.
// Owned by: core thread.
using EtcdAot.Backend;
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>Builds and sends snapshots.</summary>
internal sealed class SnapshotSender(CoreParts parts)
{
    private const long KeepNanos = 30_000_000_000;

    private readonly Queue<RaftMessage> _wanted = new();
    private ulong _receiver;
    private long _keepUntil = long.MinValue;

    /// <summary>True while the log is to keep what follows a snapshot.</summary>
    public bool HoldsLog(long now) => _receiver != 0 || _wanted.Count > 0 || now < _keepUntil;

    /// <summary>Takes raft's wish; it is served between entries.</summary>
    public void Begin(in RaftMessage message) => _wanted.Enqueue(message);

    /// <summary>Builds the next one.</summary>
    public void Step(RaftLoop loop)
    {
        while (_receiver == 0 && _wanted.TryDequeue(out RaftMessage message))
        {
            if (loop.Raft.Role == RaftRole.Leader && loop.Raft.FindProgress(message.To) is not null)
            {
                Build(message, loop);
            }

            message.Release();
        }
    }

    /// <summary>The transport is done with it.</summary>
    public void OnSent(ulong receiver, long now)
    {
        if (receiver == _receiver)
        {
            _receiver = 0;
            _keepUntil = now + KeepNanos;
        }
    }

    private void Build(in RaftMessage wish, RaftLoop loop)
    {
        RaftNode raft = loop.Raft;
        ulong index = raft.Applied;
        bool known = raft.Log.TryTerm(index, out ulong term);
        Invariant.Check(known, "the term of what is applied is known");
        _receiver = wish.To;
        byte[] tree = parts.Membership.Tree.Save();
        NativeSlab slab = NativeSlab.Allocate(tree.Length);
        tree.CopyTo(slab.Span);
        RaftMessage message = wish;
        message.Snapshot = new RaftSnapshot(index, term, raft.Members, new SlabSlice(slab, 0, tree.Length));
        parts.Backend.RequestCopy(copy => OnCopy(message, copy, loop));
    }

    private void OnCopy(in RaftMessage message, HotCopy? copy, RaftLoop loop)
    {
        if (copy is null)
        {
            loop.ReportSnapshot(message.To, delivered: false);
            message.Release();
            return;
        }

        long bytes = copy.Length + message.Snapshot!.Data.Length;
        parts.Log.Info("etcdserver/server.go", "sending merged snapshot")
            .With("from", parts.MemberId.ToString("x")).With("to", message.To.ToString("x"))
            .With("bytes", bytes).With("size", HumanBytes.Text(bytes)).Write();
        loop.Peers.SendSnapshot(message, new DatabaseCopy(copy));
    }
}
