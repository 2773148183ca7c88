// One lease and its stored form leasepb.Lease {1 ID, 2 TTL, 3 RemainingTTL} (spec storage §4.8). owned by: core thread.
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Lease;

/// <summary>A granted lease.</summary>
internal sealed class LeaseRecord(long id, long ttl, long remainingTtl)
{
    /// <summary>Most bytes of the stored form.</summary>
    public const int MaxBytes = 33;

    /// <summary>Place in the lessor's table.</summary>
    public readonly record struct Slot(int Index);

    public long Id { get; } = id;

    /// <summary>Granted, seconds.</summary>
    public long Ttl { get; } = ttl;

    /// <summary>Checkpointed rest, seconds; 0 for none.</summary>
    public long RemainingTtl { get; set; } = remainingTtl;

    /// <summary>Monotonic nanoseconds; <see cref="long.MaxValue"/> while this member is not the primary.</summary>
    public long Expiry { get; set; } = long.MaxValue;

    /// <summary>Time of its entry in the expiry queue, 0 for none.</summary>
    public long QueuedAt { get; set; }

    /// <summary>Next checkpoint, monotonic nanoseconds.</summary>
    public long CheckpointAt { get; set; } = long.MaxValue;

    public Slot Place { get; set; }

    public int FirstKey { get; set; } = -1;

    public int KeyCount { get; set; }

    public int Encode(Span<byte> destination)
    {
        var writer = new ProtoWriter(destination);
        writer.NonZero(1, (ulong)Id);
        writer.NonZero(2, (ulong)Ttl);
        writer.NonZero(3, (ulong)RemainingTtl);
        return writer.Position;
    }

    public static bool TryParse(ReadOnlySpan<byte> bytes, out LeaseRecord? lease)
    {
        long id = 0;
        long ttl = 0;
        long remaining = 0;
        var reader = new ProtoReader(bytes);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    id = reader.ReadInt64();
                    break;
                case 2:
                    ttl = reader.ReadInt64();
                    break;
                case 3:
                    remaining = reader.ReadInt64();
                    break;
                default:
                    break;
            }
        }

        lease = reader.Failed ? null : new LeaseRecord(id, ttl, remaining);
        return !reader.Failed;
    }
}
