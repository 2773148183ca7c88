// The history of the key space as the members published it: each revision is read once out of the first view that shows
// it, and whatever any life of any member shows of it later must be the same. What was published was durable, so nothing
// of it may ever be missing.
using System.Text;
using EtcdAot.Mvcc;
using EtcdAot.Mvcc.Watch;
using EtcdAot.Tests.Simulation.Members;
using EtcdAot.Tests.Simulation.World;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Simulation.Checkers;

/// <summary>One change; the value is null for a deletion.</summary>
internal sealed record Change(
    long Revision, int Sub, string Key, string? Value, long Created, long Version, long Lease);

/// <summary>All changes.</summary>
internal sealed class Chronicle
{
    private readonly List<Change> _changes = [];
    private readonly Dictionary<string, List<Change>> _byKey = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _keys = new(StringComparer.Ordinal);
    private readonly List<int> _firstOf = [0, 0];

    /// <summary>Last revision known.</summary>
    public long Last => _firstOf.Count - 1;

    /// <summary>Highest revision that a member gave up to compaction.</summary>
    public long Compacted { get; private set; } = -1;

    public IReadOnlyList<Change> Changes => _changes;

    /// <summary>Changes of one revision and those that follow.</summary>
    public int FirstOf(long revision) => revision < _firstOf.Count ? _firstOf[(int)Math.Max(1, revision)] : _changes.Count;

    /// <summary>A member has taken a step: reads what is new in its view.</summary>
    public void Observe(Life life)
    {
        View view = life.Server!.View;
        Compacted = Math.Max(Compacted, view.CompactedRevision);
        if (life.SeenRevision == 0)
        {
            Begin(life, view);
        }

        if (view.Revision > life.SeenRevision)
        {
            Read(life, view, life.SeenRevision + 1);
            life.SeenRevision = view.Revision;
        }

        // From now on it answers linearizable reads out of its view.
        if (!life.IsCurrent && life.Server.CanReadNow)
        {
            life.IsCurrent = true;
            if (view.Revision < Last)
            {
                throw Lost(life, $"leads at revision {view.Revision}, but {Last} was published before");
            }
        }
    }

    /// <summary>All changes of a key.</summary>
    public IReadOnlyList<Change> Of(string key) => _byKey.TryGetValue(key, out List<Change>? history) ? history : [];

    /// <summary>Value of a key at a revision.</summary>
    public Change? At(long revision, string key)
    {
        if (!_byKey.TryGetValue(key, out List<Change>? history))
        {
            return null;
        }

        for (int i = history.Count - 1; i >= 0; i--)
        {
            if (history[i].Revision <= revision)
            {
                return history[i].Value is null ? null : history[i];
            }
        }

        return null;
    }

    /// <summary>The change of a key in exactly that revision.</summary>
    public Change? Exactly(long revision, string key)
    {
        for (int i = FirstOf(revision); i < _changes.Count && _changes[i].Revision == revision; i++)
        {
            if (_changes[i].Key == key)
            {
                return _changes[i];
            }
        }

        return null;
    }

    /// <summary>"key=value;" of everything with a prefix at a revision.</summary>
    public string Range(long revision, string prefix)
    {
        var text = new StringBuilder();
        foreach (string key in _keys.GetViewBetween(prefix, prefix + "\uffff"))
        {
            if (At(revision, key) is { } change)
            {
                text.Append(key).Append('=').Append(change.Value).Append(';');
            }
        }

        return text.ToString();
    }

    private void Begin(Life life, View view)
    {
        // Everything that is still there must be what it was.
        long from = Math.Max(view.CompactedRevision, 1) + 1;
        if (from <= view.Revision && from <= Last)
        {
            Read(life, view, from);
        }

        life.SeenRevision = Math.Min(view.Revision, Last);
    }

    private void Read(Life life, View view, long from)
    {
        var reader = new HistoryReader(view, from);
        int at = FirstOf(from);
        long known = Last;
        while (reader.Next())
        {
            Change change = Decode(reader);
            if (change.Revision > known)
            {
                Append(change);
                at = _changes.Count;
            }
            else if (at < _changes.Count && _changes[at] == change)
            {
                at++;
            }
            else
            {
                string was = at < _changes.Count ? _changes[at].ToString() : "nothing";
                throw Lost(life, $"shows {change} where {was} was published before");
            }
        }

        if (at < _changes.Count && _changes[at].Revision <= view.Revision)
        {
            throw Lost(life, $"shows nothing where {_changes[at]} was published before");
        }
    }

    private void Append(Change change)
    {
        if (change.Revision > Last + 1)
        {
            throw new BrokenPromiseException($"revision {change.Revision} follows {Last}");
        }

        if (change.Revision > Last)
        {
            _firstOf.Add(_changes.Count);
        }

        _changes.Add(change);
        if (!_byKey.TryGetValue(change.Key, out List<Change>? history))
        {
            _byKey.Add(change.Key, history = []);
            _keys.Add(change.Key);
        }

        history.Add(change);
    }

    private static Change Decode(in HistoryReader reader)
    {
        _ = KeyValueView.TryParse(reader.KeyValue, out KeyValueView kv);
        return new Change(reader.Revision.Main, reader.Revision.Sub, Encoding.Latin1.GetString(kv.Key),
            reader.IsTombstone ? null : Encoding.Latin1.GetString(kv.Value), kv.CreateRevision, kv.Version, kv.Lease);
    }

    private static BrokenPromiseException Lost(Life life, string what)
    {
        return new BrokenPromiseException($"{life.Machine.Name}, life {life.Number}, {what}");
    }
}
