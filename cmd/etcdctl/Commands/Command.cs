// The shape of the command table: one node per command, from which parser, help and tests derive. Immutable.
using EtcdAot.Cmd.Etcdctl.Flags;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>A command or a group of commands (etcdctl §3, §13).</summary>
internal sealed class Command
{
    private readonly List<Command> _children = [];

    /// <summary>Name and the words behind it, as the usage line shows them.</summary>
    public required string Use { get; init; }

    /// <summary>One line for lists of commands.</summary>
    public required string Brief { get; init; }

    /// <summary>Paragraphs of the DESCRIPTION block; empty for none.</summary>
    public string Long { get; init; } = "";

    /// <summary>Options of this command alone.</summary>
    public FlagSpec[] Flags { get; init; } = [];

    /// <summary>Options of this command and of all below it.</summary>
    public FlagSpec[] Inherited { get; init; } = [];

    /// <summary>Runs it; null for a group.</summary>
    public Func<Invocation, int>? Run { get; init; }

    public Command? Parent { get; private set; }

    public string Name => Use.Split(' ')[0];

    public IReadOnlyList<Command> Children
    {
        get => _children;
        init
        {
            _children.AddRange(value);
            _children.ForEach(c => c.Parent = this);
        }
    }

    /// <summary>"etcdctl lease grant".</summary>
    public string Path => Parent is null ? Name : $"{Parent.Path} {Name}".TrimStart();

    /// <summary>The usage line; every command has options, so it always ends in [flags].</summary>
    public string UseLine => $"{(Parent is null ? Use : $"{Parent.Path} {Use}")} [flags]";

    /// <summary>This command's own options, --help among them, sorted by name.</summary>
    public IEnumerable<FlagSpec> OwnFlags()
    {
        string name = Name.Length == 0 ? "this command" : Name;
        return Flags.Concat(Inherited).Append(new FlagSpec("help", FlagKind.Bool, "false",
            $"help for {name}", 'h'))
            .OrderBy(f => f.Name, StringComparer.Ordinal);
    }

    /// <summary>Options that come from the groups above, sorted by name.</summary>
    public IEnumerable<FlagSpec> InheritedFlags()
    {
        var all = new List<FlagSpec>();
        for (Command? up = Parent; up is not null; up = up.Parent)
        {
            all.AddRange(up.Inherited);
        }

        return all.OrderBy(f => f.Name, StringComparer.Ordinal);
    }

    /// <summary>The child of this name, or the only one whose name begins with it.</summary>
    public Command? FindChild(string word)
    {
        Command? exact = _children.Find(c => c.Name == word);
        if (exact is not null || word.Length == 0)
        {
            return exact;
        }

        List<Command> near = _children.FindAll(c => c.Name.StartsWith(word, StringComparison.Ordinal));
        return near.Count == 1 ? near[0] : null;
    }
}
