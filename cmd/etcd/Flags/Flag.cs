// One row of the flag table (DESIGN 4.18): what help, environment names, YAML keys and parsing are derived
// from. Immutable.
namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>How a flag's value is read.</summary>
internal enum FlagKind
{
    Bool,
    Int,
    Long,
    Uint,
    Uint32,
    Uint64,
    Duration,
    Text,
    Choice,
    Urls,
    TextList,

    /// <summary>A set of origins or "*".</summary>
    Origins,

    /// <summary>Removed long ago: accepted and ignored, in the form of a boolean.</summary>
    Dead,
}

/// <summary>Headings of the help text.</summary>
internal enum FlagSection
{
    Hidden,
    Member,
    Clustering,
    Security,
    Auth,
    Monitoring,
    Logging,
    Tracing,
    Proxy,
    Experimental,
    Unsafe,
}

/// <summary>What this build does with a flag.</summary>
internal enum FlagStage
{
    /// <summary>Has its effect, or nothing that it could have an effect on exists yet.</summary>
    Built,

    /// <summary>Known; a value other than the default ends the start with a sentence.</summary>
    Unbuilt,
}

/// <summary>A flag.</summary>
/// <param name="Name">Without dashes.</param>
/// <param name="Kind">Type of the value.</param>
/// <param name="Default">The default, as text.</param>
/// <param name="Section">Where help lists it.</param>
/// <param name="Sentence">What help says.</param>
internal sealed record Flag(string Name, FlagKind Kind, string Default, FlagSection Section, string Sentence)
{
    private readonly string? _yamlKey;

    /// <summary>The environment variable.</summary>
    public string Variable { get; } = "ETCD_" + Name.ToUpperInvariant().Replace('-', '_');

    /// <summary>Key in a config file, "outer.inner" when nested; empty when there is none.</summary>
    public string YamlKey
    {
        get => _yamlKey ?? (Kind == FlagKind.Dead ? "" : Name);
        init => _yamlKey = value;
    }

    /// <summary>The default as help shows it.</summary>
    public string? ShownDefault { get; init; }

    /// <summary>Allowed words of a <see cref="FlagKind.Choice"/>.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>True when the error of a wrong word repeats it.</summary>
    public bool NamesBadWord { get; init; }

    public FlagStage Stage { get; init; }

    /// <summary>True when the flag takes no separate word as its value.</summary>
    public bool IsBool => Kind is FlagKind.Bool or FlagKind.Dead;
}
