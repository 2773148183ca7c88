// Looks through what a member would start from for things that this build does not have, so that the start ends with a
// sentence instead of losing them: auth, v2 user keys, a newer cluster. Start-up thread only. It
// must change nothing: another program may still open the directory.
using System.Text;
using EtcdAot.Backend;
using EtcdAot.V2;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

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

        return request.Op is >= RaftOp.AuthEnable and <= RaftOp.AuthRoleRevokePermission
            ? "belongs to auth, which is not built yet"
            : request.Op == RaftOp.DowngradeInfoSet ? "is a downgrade, which is not built yet" : null;
    }
}
