// YAML events within bounds: how deep they nest and how many aliases there are. The node model recurses for each level, and
// merged aliases of aliases double with each; a file from outside must not decide about stack and memory. Start-up thread.
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>Passes events on and refuses what goes beyond its bounds.</summary>
internal sealed class BoundedYaml(IParser inner) : IParser
{
    /// <summary>etcd's settings nest two levels.</summary>
    private const int DepthMax = 100;

    /// <summary>Each may at worst double what is merged.</summary>
    private const int AliasesMax = 16;

    private int _depth;
    private int _aliases;

    public ParsingEvent? Current => inner.Current;

    /// <summary>Line of the last event, from 1.</summary>
    public long Line => Math.Max(1, inner.Current?.Start.Line ?? 1);

    public bool MoveNext()
    {
        if (!inner.MoveNext())
        {
            return false;
        }

        ParsingEvent found = inner.Current!;
        _depth += found.NestingIncrease;
        _aliases += found is AnchorAlias ? 1 : 0;
        return _depth > DepthMax ? throw new YamlException(found.Start, found.End, "exceeded max depth of " + DepthMax)
            : _aliases > AliasesMax ? throw new YamlException(found.Start, found.End, "document contains excessive aliasing")
            : true;
    }
}
