// What feeds the big bucket: the backend asks for ordered pairs and knows nothing of revisions (DESIGN 2, 4.9).
namespace EtcdAot.Backend;

/// <summary>Part of a source that one commit writes: numbers that only the source understands.</summary>
/// <param name="First">First record.</param>
/// <param name="End">First record not in it.</param>
/// <param name="Mark">What the source wants to be told when the commit is durable.</param>
/// <param name="State">What <see cref="IBatchSource.Read"/> needs on the backend's thread; immutable.</param>
public readonly record struct BatchExtent(long First, long End, long Mark, object? State);

/// <summary>Feeds bucket `key` of a commit.</summary>
public interface IBatchSource
{
    /// <summary>Records not yet handed to a commit; core thread.</summary>
    long PendingRecords { get; }

    /// <summary>Bytes of those records; core thread.</summary>
    long PendingBytes { get; }

    /// <summary>Hands out everything finished so far; core thread, when a batch closes.</summary>
    BatchExtent CloseBatch();

    /// <summary>One record of an extent, in ascending order of <paramref name="number"/>; backend thread. The spans live
    /// until the commit is reported.</summary>
    void Read(in BatchExtent extent, long number, out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value);

    /// <summary>The extent is durable and readable in <paramref name="snapshot"/>; core thread. Also called without an
    /// extent when only the snapshot is new.</summary>
    void Committed(in BatchExtent extent, BackendSnapshot snapshot);
}
