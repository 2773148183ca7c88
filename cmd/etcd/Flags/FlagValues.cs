// The values of one start: what was set, by whom, and the defaults of the rest. Start-up thread only.
namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>Values by flag name.</summary>
internal sealed class FlagValues
{
    private readonly Dictionary<string, FlagValue> _set = new(StringComparer.Ordinal);

    public FlagValue this[string name] =>
        _set.TryGetValue(name, out FlagValue? value) ? value : FlagValue.DefaultOf(FlagTable.ByName[name]);

    /// <summary>True when something other than the default table gave the value.</summary>
    public bool IsSet(string name) => _set.ContainsKey(name);

    public void Set(string name, FlagValue value) => _set[name] = value;

    /// <summary>Reads and sets. Null, or what is wrong with the text.</summary>
    public string? TrySet(Flag flag, string text)
    {
        string? problem = FlagValue.Parse(flag, text, out FlagValue value);
        if (problem is null)
        {
            _set[flag.Name] = value;
        }

        return problem;
    }

    /// <summary>The first flag, in alphabetical order, that this build does not have and that is not at its
    /// default.</summary>
    public Flag? FirstUnbuilt()
    {
        foreach (Flag flag in FlagTable.ByName.Values)
        {
            if (flag.Stage == FlagStage.Unbuilt && _set.TryGetValue(flag.Name, out FlagValue? value)
                && value.Text != FlagValue.DefaultOf(flag).Text)
            {
                return flag;
            }
        }

        return null;
    }
}
