// Everything that a run leaves for its checkers: operations by key, what watchers saw, hashes, counts. Recording judges only
// what is wrong by itself; the rest is judged at the end.
using EtcdAot.Tests.Simulation.Clients;

namespace EtcdAot.Tests.Simulation.Checkers;

/// <summary>A write that was acknowledged, and what it must have left.</summary>
/// <param name="Revision">Revision of its answer.</param>
/// <param name="Key">The key.</param>
/// <param name="Value">Its value, null for a deletion.</param>
/// <param name="At">When the answer came.</param>
internal readonly record struct AcknowledgedWrite(long Revision, string Key, string? Value, long At);

/// <summary>Answer of a linearizable operation in time.</summary>
internal readonly record struct AnsweredRevision(long Called, long Returned, long Revision);

/// <summary>A read at a revision and its result, "key=value;" in key order.</summary>
internal readonly record struct ReadAt(long Revision, string Prefix, string Result);

/// <summary>The record of a run.</summary>
internal sealed class Evidence
{
    public SortedDictionary<string, List<TimedOp<RegisterOp>>> Registers { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, List<TimedOp<AppendOp>>> Lists { get; } = new(StringComparer.Ordinal);

    public List<AcknowledgedWrite> Writes { get; } = [];

    public List<AnsweredRevision> Revisions { get; } = [];

    public List<ReadAt> Reads { get; } = [];

    public List<WatchRecord> Watches { get; } = [];

    /// <summary>HashKV by (revision, compact revision).</summary>
    public Dictionary<(long Revision, long Compacted), uint> Hashes { get; } = [];

    /// <summary>Hashes that were compared with an earlier one.</summary>
    public long HashesCompared { get; private set; }

    /// <summary>Answers by method and outcome.</summary>
    public SortedDictionary<string, long> Counts { get; } = new(StringComparer.Ordinal);

    /// <summary>Operations answered or given up.</summary>
    public long Operations { get; private set; }

    public void Count(string path, Outcome outcome)
    {
        Operations++;
        string name = path[(path.LastIndexOf('/') + 1)..] + " " + outcome;
        Counts[name] = Counts.GetValueOrDefault(name) + 1;
    }

    public void AddRegister(string key, RegisterOp op, long called, long returned)
    {
        Add(Registers, key, new TimedOp<RegisterOp>(op, called, returned));
    }

    public void AddList(string key, AppendOp op, long called, long returned)
    {
        Add(Lists, key, new TimedOp<AppendOp>(op, called, returned));
    }

    /// <summary>Two members, or two lives of one, must have the same hash.</summary>
    public void AddHash(long revision, long compacted, uint hash)
    {
        if (Hashes.TryGetValue((revision, compacted), out uint known))
        {
            HashesCompared++;
            if (known != hash)
            {
                throw new World.BrokenPromiseException(
                    $"HashKV at revision {revision} (compacted {compacted}) was {known:x8} and is {hash:x8}");
            }
        }

        Hashes[(revision, compacted)] = hash;
    }

    private static void Add<T>(SortedDictionary<string, List<T>> to, string key, T item)
    {
        if (!to.TryGetValue(key, out List<T>? list))
        {
            to.Add(key, list = []);
        }

        list.Add(item);
    }
}
