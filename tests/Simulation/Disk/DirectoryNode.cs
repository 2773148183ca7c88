// One simulated directory: names as they read now, and as the last directory sync left them.
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation.Disk;

/// <summary>Names, written and synced.</summary>
internal sealed class DirectoryNode
{
    private readonly List<Action<SortedDictionary<string, object>>> _unsynced = [];
    private readonly HashSet<object> _mentioned = [];
    private SortedDictionary<string, object> _durable = new(StringComparer.Ordinal);

    /// <summary>Names as they read now.</summary>
    public SortedDictionary<string, object> Names { get; private set; } = new(StringComparer.Ordinal);

    public void Put(string name, object node)
    {
        _mentioned.Add(node);
        Change(names => names[name] = node);
    }

    public void Drop(string name) => Change(names => names.Remove(name));

    public void Move(string from, string to, object node) => Change(names =>
    {
        names.Remove(from);
        names[to] = node;
    });

    public void Sync()
    {
        _durable = new(Names, StringComparer.Ordinal);
        _unsynced.Clear();
        _mentioned.Clear();
    }

    /// <summary>True when a loss of power may bring the file's name back.</summary>
    public bool Remembers(object node) => _mentioned.Contains(node) || _durable.ContainsValue(node);

    /// <summary>The power fails: changes are journalled in order, so a drawn number of the first ones stays.</summary>
    public void LosePower(Dice dice)
    {
        int kept = dice.Below(_unsynced.Count + 1);
        for (int i = 0; i < kept; i++)
        {
            _unsynced[i](_durable);
        }

        Names = new(_durable, StringComparer.Ordinal);
        _unsynced.Clear();
        _mentioned.Clear();
    }

    private void Change(Action<SortedDictionary<string, object>> change)
    {
        change(Names);
        _unsynced.Add(change);
    }
}
