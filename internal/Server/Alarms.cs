// Active alarms (spec cluster §5.8): which member raised what, kept in bucket `alarm`, where the record is the key.
// Written by the core thread while applying; the set is replaced as a whole, so any thread may read it.
using EtcdAot.Backend;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>Kinds of alarm.</summary>
public enum AlarmKind
{
    None = 0,
    NoSpace = 1,
    Corrupt = 2,
}

/// <summary>One alarm.</summary>
public readonly record struct ActiveAlarm(ulong MemberId, AlarmKind Kind);

/// <summary>The alarms of the cluster.</summary>
public sealed class Alarms
{
    private volatile ActiveAlarm[] _active = [];

    /// <summary>In order of the bucket's keys.</summary>
    public IReadOnlyList<ActiveAlarm> Active => _active;

    public bool HasNoSpace => Array.Exists(_active, static a => a.Kind == AlarmKind.NoSpace);

    public bool HasCorrupt => Array.Exists(_active, static a => a.Kind == AlarmKind.Corrupt);

    /// <summary>The error that an alarm gives a request that goes through the log; null when it may pass. CORRUPT is
    /// outermost, NOSPACE within it (spec cluster §5.8).</summary>
    public EtcdError? Refusal(RaftOp op, ReadOnlySpan<byte> body)
    {
        if (HasCorrupt && (op is RaftOp.Put or RaftOp.DeleteRange or RaftOp.Txn
            or RaftOp.Compaction or RaftOp.LeaseGrant or RaftOp.LeaseRevoke))
        {
            return EtcdError.Corrupt;
        }

        return HasNoSpace && Quota.CostOf(op, body) > 0 ? EtcdError.NoSpace : null;
    }

    /// <summary>Encodes etcdserverpb.AlarmMember.</summary>
    public static byte[] Encode(ActiveAlarm alarm)
    {
        byte[] bytes = new byte[ProtoWriter.SizeOfNonZero(1, alarm.MemberId)
            + ProtoWriter.SizeOfNonZero(2, (ulong)alarm.Kind)];
        var writer = new ProtoWriter(bytes);
        writer.NonZero(1, alarm.MemberId);
        writer.NonZero(2, (ulong)alarm.Kind);
        return bytes;
    }

    /// <summary>Reads the bucket at start. False with the reason when a record cannot be read.</summary>
    public bool TryRestore(BackendSnapshot snapshot, out string problem)
    {
        var found = new List<ActiveAlarm>();
        BackendCursor cursor = snapshot.Cursor(BackendBucket.Alarm);
        for (bool more = cursor.First(); more; more = cursor.Next())
        {
            if (!TryDecode(cursor.Key, out ActiveAlarm alarm))
            {
                problem = "bucket alarm holds a key that is no AlarmMember: " + Convert.ToHexStringLower(cursor.Key);
                return false;
            }

            found.Add(alarm);
        }

        _active = [.. found];
        problem = "";
        return true;
    }

    /// <summary>Sets an alarm; one that is set stays. False when it was set before.</summary>
    public bool Activate(ActiveAlarm alarm, BackendStore backend)
    {
        if (Array.IndexOf(_active, alarm) >= 0)
        {
            return false;
        }

        backend.Put(BackendBucket.Alarm, Encode(alarm), default);
        _active = [.. _active.Append(alarm).OrderBy(static a => a.MemberId).ThenBy(static a => a.Kind)];
        return true;
    }

    /// <summary>Clears exactly that alarm. False when it was not set.</summary>
    public bool Deactivate(ActiveAlarm alarm, BackendStore backend)
    {
        if (Array.IndexOf(_active, alarm) < 0)
        {
            return false;
        }

        backend.Delete(BackendBucket.Alarm, Encode(alarm));
        _active = Array.FindAll(_active, a => a != alarm);
        return true;
    }

    private static bool TryDecode(ReadOnlySpan<byte> message, out ActiveAlarm alarm)
    {
        ulong member = 0;
        ulong kind = 0;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                member = reader.ReadVarint();
            }
            else if (reader.Field == 2)
            {
                kind = reader.ReadVarint();
            }
        }

        alarm = new ActiveAlarm(member, (AlarmKind)kind);
        return !reader.Failed;
    }
}
