// Linearizable reads (spec cluster §1.8, raft thesis §6.4): the index that must be applied before a read may be answered.
using System.Buffers.Binary;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Raft;

public sealed partial class RaftNode
{
    private readonly ReadQueue _reads = new();

    // Asked before the first commit of this term, when the leader cannot know what is committed.
    private readonly List<(byte[] Context, ulong From)> _postponedReads = [];
    private List<ReadState> _readStates = [];
    private List<ReadState> _readStatesOut = [];

    /// <summary>Asks for a read index; the answer comes as a <see cref="ReadState"/> with that context, or never (leader
    /// change, lost message): ask again with a new context.</summary>
    public ProposeResult ReadIndex(ulong context)
    {
        if (_role == RaftRole.Leader && _voterCount == 1 && _self is { IsLearner: false } && IsCommitCurrent)
        {
            _readStates.Add(new ReadState(_log.Committed, context));
            return ProposeResult.Ok;
        }

        if (_leader == 0)
        {
            _config.Events.OnHappening(RaftHappening.ReadWithoutLeader, this, default);
            return ProposeResult.NoLeader;
        }

        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, context);
        if (_role == RaftRole.Leader)
        {
            return StartRead(bytes, _config.Id) == StepResult.Ok ? ProposeResult.Ok : ProposeResult.Dropped;
        }

        Send(ReadMessage(MessageType.MsgReadIndex, _leader, bytes));
        return ProposeResult.Forwarded;
    }

    // An entry of the own term is committed, so that the commit index covers what earlier leaders committed (§5.4.2).
    private bool IsCommitCurrent => _log.TryTerm(_log.Committed, out ulong term) && term == _term;

    private byte[]? LastReadContext => _reads.LastContext;

    private StepResult HandleReadIndex(in RaftMessage m)
    {
        // Without an entry there is nothing to answer; this kills older leaders of the original.
        if (m.EntryCount != 1 || m.EntrySpan[0].Data.Length is 0 or > RaftLimits.ReadContextBytes)
        {
            return StepResult.Malformed;
        }

        if (_role == RaftRole.Leader)
        {
            return StartRead(m.EntrySpan[0].Data.Span.ToArray(), m.From);
        }

        // A follower was asked: pass it on for the asker, if there is a leader.
        if (_leader == 0 || _leader == m.From)
        {
            return StepResult.Ignored;
        }

        RaftMessage forward = ReadMessage(MessageType.MsgReadIndex, _leader, m.EntrySpan[0].Data.Span);
        forward.From = m.From;
        Send(forward);
        return StepResult.Ok;
    }

    private StepResult StartRead(byte[] context, ulong from)
    {
        if (!IsCommitCurrent)
        {
            if (_postponedReads.Count >= RaftLimits.PendingReads)
            {
                return StepResult.Ignored;
            }

            _postponedReads.Add((context, from));
            return StepResult.Ok;
        }

        if (_voterCount == 1 && _self is { IsLearner: false })
        {
            AnswerRead(context, from, _log.Committed);
            return StepResult.Ok;
        }

        var read = new PendingRead { Context = context, From = from, Index = _log.Committed };
        if (!_reads.Add(read))
        {
            return StepResult.Ignored;
        }

        read.Echoes.Add(_config.Id);
        SendHeartbeats(context);
        return StepResult.Ok;
    }

    private void ServePostponedReads()
    {
        if (_postponedReads.Count == 0 || !IsCommitCurrent)
        {
            return;
        }

        foreach ((byte[] context, ulong from) in _postponedReads)
        {
            StartRead(context, from);
        }

        _postponedReads.Clear();
    }

    private void AcknowledgeRead(ulong from, byte[]? context)
    {
        if (context is null || context.Length == 0 || _reads.Count == 0)
        {
            return;
        }

        int position = _reads.Find(context);
        if (position < 0)
        {
            return;
        }

        List<ulong> echoes = _reads.At(position).Echoes;
        if (!echoes.Contains(from))
        {
            echoes.Add(from);
        }

        if (CountVoters(echoes) < Quorum.Size(_voterCount))
        {
            return;
        }

        for (int i = 0; i <= position; i++)
        {
            PendingRead read = _reads.At(i);
            AnswerRead(read.Context, read.From, read.Index);
        }

        _reads.RemoveFirst(position + 1);
    }

    private void AnswerRead(byte[] context, ulong from, ulong index)
    {
        if (from == _config.Id)
        {
            _readStates.Add(new ReadState(index, BinaryPrimitives.ReadUInt64BigEndian(context)));
            return;
        }

        RaftMessage answer = ReadMessage(MessageType.MsgReadIndexResp, from, context);
        answer.Term = _term;
        answer.Index = index;
        Send(answer);
    }

    private StepResult HandleReadIndexResponse(in RaftMessage m)
    {
        if (m.EntryCount != 1)
        {
            return StepResult.Malformed;
        }

        ReadOnlySpan<byte> context = m.EntrySpan[0].Data.Span;
        if (context.Length != sizeof(ulong))
        {
            // Not one of ours.
            return StepResult.Ignored;
        }

        _readStates.Add(new ReadState(m.Index, BinaryPrimitives.ReadUInt64BigEndian(context)));
        return StepResult.Ok;
    }

    // Pending reads are forgotten with the leadership; whoever waits asks again.
    private void ForgetReads()
    {
        _reads.Clear();
        _postponedReads.Clear();
    }

    private static RaftMessage ReadMessage(MessageType type, ulong to, ReadOnlySpan<byte> context)
    {
        var slab = Sys.NativeSlab.Allocate(context.Length);
        context.CopyTo(slab.Span);
        return new RaftMessage
        {
            Type = type,
            To = to,
            Entries = [new LogEntry { Data = new Sys.SlabSlice(slab, 0, context.Length) }],
            EntryCount = 1,
        };
    }
}
