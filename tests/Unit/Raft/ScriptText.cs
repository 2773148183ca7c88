using System.Text;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Tests.Unit.Raft;

/// <summary>How the scripts print: term/index for a position, short names for messages.</summary>
internal static class ScriptText
{
    public static string Entry(in LogEntry entry)
    {
        string text = Encoding.UTF8.GetString(entry.Data.Span);
        string kind = entry.Kind == EntryKind.Normal ? "" : entry.Kind + " ";
        return $"{entry.Term}/{entry.Index} {kind}\"{text}\"";
    }

    public static string Append(in LogAppend append, EntrySpans entries)
    {
        var text = new StringBuilder();
        if (append.State is { } state)
        {
            text.Append($" term {state.Term} vote {state.Vote} commit {state.Commit}");
        }

        if (append.Snapshot is { } snapshot)
        {
            text.Append($" snapshot {snapshot.Term}/{snapshot.Index}");
        }

        if (entries.Count > 0)
        {
            text.Append(" [").AppendJoin(", ", Copy(entries).Select(e => Entry(in e))).Append(']');
        }

        return text.Append(append.MustSync ? " sync" : "").ToString();
    }

    public static string Message(in RaftMessage m)
    {
        var text = new StringBuilder($"{m.From}→{m.To} {m.Type.ToString()[3..]}");
        text.Append(m.Term == 0 ? "" : $" term {m.Term}");
        switch (m.Type)
        {
            case MessageType.MsgApp:
                text.Append($" behind {m.LogTerm}/{m.Index} commit {m.Commit}");
                break;
            case MessageType.MsgVote or MessageType.MsgPreVote:
                text.Append($" last {m.LogTerm}/{m.Index}");
                break;
            case MessageType.MsgAppResp:
                text.Append(m.Reject ? $" reject {m.Index} hint {m.LogTerm}/{m.RejectHint}" : $" to {m.Index}");
                break;
            case MessageType.MsgSnap:
                text.Append($" {m.Snapshot!.Term}/{m.Snapshot.Index} {Members(m.Snapshot.Members)}");
                break;
            case MessageType.MsgHeartbeat:
                text.Append($" commit {m.Commit}");
                break;
            case MessageType.MsgReadIndexResp:
                text.Append($" index {m.Index}");
                break;
            default:
                text.Append(m.Reject ? " reject" : "");
                break;
        }

        return text.Append(Context(in m)).Append(Entries(in m)).ToString();
    }

    public static string Status(RaftNode node)
    {
        var text = new StringBuilder($"{node.Id} {node.Role} term {node.Term} leader {node.Leader} log {node.Log.FirstIndex}.."
            + $"{node.Log.LastIndex} committed {node.Committed} durable {node.Log.Durable} applied {node.Applied}");
        if (node.Role == RaftRole.Leader)
        {
            foreach (ulong id in node.Members.Voters.Concat(node.Members.Learners))
            {
                Progress p = node.FindProgress(id)!;
                text.Append($" | {id} {p.State} match {p.Match} next {p.Next}{(p.IsPaused ? " paused" : "")}");
            }
        }

        return text.ToString();
    }

    public static string Members(ConfiguredMembers members)
    {
        string learners = members.Learners.Length == 0 ? "" : $" learners {string.Join(',', members.Learners)}";
        return $"voters {string.Join(',', members.Voters)}{learners}";
    }

    /// <summary>Scripts write conf changes as +4, -4, learner+4.</summary>
    public static (ConfChangeType Type, ulong Id) ParseChange(SlabSlice data)
    {
        string text = Encoding.UTF8.GetString(data.Span);
        ConfChangeType type = text[0] switch
        {
            '+' => ConfChangeType.ConfChangeAddNode,
            '-' => ConfChangeType.ConfChangeRemoveNode,
            _ => ConfChangeType.ConfChangeAddLearnerNode,
        };
        return (type, ulong.Parse(text.AsSpan(text.IndexOfAny(['+', '-']) + 1)));
    }

    public static LogEntry[] Copy(EntrySpans spans)
    {
        var copy = new LogEntry[spans.Count];
        spans.First.CopyTo(copy);
        spans.Second.CopyTo(copy.AsSpan(spans.First.Length));
        return copy;
    }

    private static string Context(in RaftMessage m)
    {
        if (m.Context is not { Length: > 0 } context)
        {
            return "";
        }

        return context.Length == 8 ? $" ctx {Convert.ToHexStringLower(context)}" : $" ctx {Encoding.ASCII.GetString(context)}";
    }

    private static string Entries(in RaftMessage m)
    {
        if (m.EntryCount == 0)
        {
            return "";
        }

        if (m.Type is MessageType.MsgReadIndex or MessageType.MsgReadIndexResp)
        {
            return $" [{Convert.ToHexStringLower(m.EntrySpan[0].Data.Span)}]";
        }

        return $" [{string.Join(", ", m.EntrySpan.ToArray().Select(e => Entry(in e)))}]";
    }
}
