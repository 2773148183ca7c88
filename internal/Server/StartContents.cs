// Looks through what a member would start from for things that this build does not have, so that the start ends with a
// sentence instead of losing them: auth, v2 user keys, a newer cluster. Start-up thread only. It
// must change nothing: another program may still open the directory.
using System.Text;
using EtcdAot.Backend;
using EtcdAot.V2;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Server;

/// <summary>Checks the contents of log and db at start.</summary>
internal sealed class StartContents(RecoveredLog log)
{
    /// <summary>Looks at the log alone, before anything is done to the db. Null when this build has everything.</summary>
    public StartFailure? FindUnbuiltInLog()
    {
        if (CheckVersion(log.Tree.Version) is { } newer)
        {
            return newer;
        }

        foreach (LogEntry entry in log.Entries)
        {
            if (Look(entry) is { } sentence)
            {
                return Unbuilt($"entry {entry.Index} of the log {sentence}");
            }
        }

        return null;
    }

    /// <summary>Looks at the db, and at what of the log it does not hold yet. Null when this build has everything.</summary>
    public StartFailure? FindUnbuiltInDb(BackendStore backend)
    {
        if (backend.Snapshot.TryGet(BackendBucket.Auth, "authEnabled"u8, out ReadOnlySpan<byte> enabled)
            && enabled.Length == 1 && enabled[0] == 1)
        {
            return Unbuilt("auth is enabled in this data directory, and auth is not built yet");
        }

        if (backend.Snapshot.TryGet(BackendBucket.Cluster, "clusterVersion"u8, out ReadOnlySpan<byte> version)
            && CheckVersion(Encoding.UTF8.GetString(version)) is { } newer)
        {
            return newer;
        }

        foreach (LogEntry entry in log.Entries)
        {
            if (entry.Index > backend.ConsistentIndex && LookAtRequest(entry) is { } sentence)
            {
                return Unbuilt($"entry {entry.Index} of the log {sentence}");
            }
        }

        return null;
    }

    /// <summary>More entries than a log's torn end ever held; passed over at each start with empty ones.</summary>
    private const ulong LostEntriesMax = 10_000;

    /// <summary>We never write a db that holds what is not in the log (DESIGN 4.5 b), but a log may lose its end to the
    /// disk: new entries would get indexes that the db counts as done, and be lost. A few are passed over by the first
    /// leader; of many, the file belongs to another log.</summary>
    public StartFailure? FindDbAhead(BackendStore backend, ServerOptions options)
    {
        ulong last = log.LastIndex;
        return backend.ConsistentIndex <= last + LostEntriesMax ? null
            : new StartFailure("database is ahead of the log",
                $"{options.BackendPath} holds the log up to index {backend.ConsistentIndex}, the log in " +
                $"{options.EffectiveWalDir} ends at {last}: what is written now would be lost. Restore from a snapshot",
                IsPanic: true);
    }

    /// <summary>Looks for other members in a program that cannot reach them. Entries behind the last commit may still be
    /// dropped, but a sole voter has committed all it wrote.</summary>
    public StartFailure? FindOtherMembers()
    {
        HashSet<ulong> members = [.. log.Snapshot?.Members.Voters ?? [], .. log.Snapshot?.Members.Learners ?? []];
        foreach (LogEntry entry in log.Entries)
        {
            if (entry.Kind != EntryKind.ConfChange || !ConfChangeView.TryParse(entry.Data.Span, out ConfChangeView change))
            {
                continue;
            }

            _ = change.Type == ConfChangeType.ConfChangeRemoveNode
                ? members.Remove(change.NodeId) : change.NodeId != 0 && members.Add(change.NodeId);
        }

        members.Remove(log.MemberId);
        return members.Count == 0 ? null
            : Unbuilt("this data directory belongs to a cluster of several members, which is not built yet");
    }

    private static StartFailure Unbuilt(string sentence) => new("discovery failed", sentence);

    private static StartFailure? CheckVersion(string? version)
    {
        return EtcdVersion.IsAbove(version ?? "", EtcdVersion.Server)
            ? new StartFailure("invalid downgrade; server version is lower than determined cluster version",
                $"the cluster is at {version}, this build speaks {EtcdVersion.MajorMinor(EtcdVersion.Server)}")
            : null;
    }

    private string? Look(in LogEntry entry)
    {
        ReadOnlySpan<byte> data = entry.Data.Span;
        if (entry.Kind == EntryKind.ConfChangeV2)
        {
            return "is a conf change of a kind that etcd never writes";
        }

        if (entry.Kind == EntryKind.ConfChange)
        {
            return ConfChangeView.TryParse(data, out _) ? null : "is a conf change that cannot be read";
        }

        if (data.IsEmpty)
        {
            return null;
        }

        if (V2Request.IsV2(data))
        {
            return !V2Request.TryParse(data, out V2Request v2) ? "cannot be read"
                : v2.Classify(log.Tree.HasUserKeys, out _) == V2RequestKind.NotBuiltYet
                    ? "changes v2 keys, and the v2 API is not built yet" : null;
        }

        return InternalRequestView.TryParse(data, out _) ? null : "cannot be read";
    }

    // Requests at or below the consistent index are not applied again and may be anything.
    private static string? LookAtRequest(in LogEntry entry)
    {
        ReadOnlySpan<byte> data = entry.Data.Span;
        if (entry.Kind != EntryKind.Normal || data.IsEmpty || V2Request.IsV2(data)
            || !InternalRequestView.TryParse(data, out InternalRequestView request))
        {
            return null;
        }

        return request.Op switch
        {
            >= RaftOp.AuthEnable and <= RaftOp.AuthRoleRevokePermission => "belongs to auth, which is not built yet",
            RaftOp.DowngradeInfoSet => "is a downgrade, which is not built yet",
            _ => IsReadable(request) ? null : "cannot be read",
        };
    }

    // What is applied is not looked at again: a request in the log was checked by whoever proposed it.
    private static bool IsReadable(in InternalRequestView request) => request.Op switch
    {
        RaftOp.V2 => false,
        RaftOp.Put => PutRequestView.TryParse(request.Body, out _),
        RaftOp.DeleteRange => DeleteRangeRequestView.TryParse(request.Body, out _),
        RaftOp.Txn => TxnRequestView.IsWellFormed(request.Body, TxnRequestView.DepthMax, out _),
        _ => true,
    };
}
