// How much a store has been asked to do, for metrics. Written by the core thread, read by any: each word on its own.
namespace EtcdAot.Mvcc;

/// <summary>Totals since start.</summary>
public sealed class StoreCounts
{
    public long Puts { get; private set; }

    /// <summary>Bytes of keys and values put.</summary>
    public long PutBytes { get; private set; }

    /// <summary>Deletes, whatever they found.</summary>
    public long Deletes { get; private set; }

    /// <summary>Ranges inside writes.</summary>
    public long Ranges { get; private set; }

    /// <summary>Writes of more than one operation.</summary>
    public long Txns { get; private set; }

    internal void AddPut(int bytes)
    {
        Puts++;
        PutBytes += bytes;
    }

    internal void AddDelete() => Deletes++;

    internal void AddRange() => Ranges++;

    internal void AddTxn() => Txns++;
}
