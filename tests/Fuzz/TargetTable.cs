// The targets by name.
using EtcdAot.Tests.Fuzz.Targets;

namespace EtcdAot.Tests.Fuzz;

/// <summary>All targets.</summary>
internal static class TargetTable
{
    private static readonly List<FuzzTarget> All =
    [
        new HpackTarget(),
        new H2ServerTarget(),
        new H2ClientTarget(),
        new HttpTarget(detect: false),
        new HttpTarget(detect: true),
        new CodecTarget(),
        new WalTarget(),
        new WalRecordsTarget(),
        new SnapTarget(),
        new V2JsonTarget(),
        new MembersTarget(),
        new DnsTarget(),
        new BoltTarget(),
        new YamlTarget(),
        new FlagsTarget(),
        new CtlTarget(),
        new RulesTarget(),
        new GrpcTarget(),
        new ApiTarget(),
        new StartTarget(),
    ];

    /// <summary>The target of a name, weak ones included.</summary>
    public static FuzzTarget? Find(string name) =>
        All.Concat(WeakDecoders.All).FirstOrDefault(t => t.Name == name);

    /// <summary>Those of a comma list, all for an empty one. The first unknown name, or null.</summary>
    public static string? Choose(string names, out List<FuzzTarget> targets)
    {
        targets = names.Length == 0 ? All : [];
        foreach (string name in names.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (Find(name) is not { } target)
            {
                return name;
            }

            targets.Add(target);
        }

        return null;
    }
}
