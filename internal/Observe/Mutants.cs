// Faults put in on purpose, to see that the checkers bite. They exist in the configuration `Mutants` alone: in every other
// build each switch is plainly false and its branch falls away. Any thread.
namespace EtcdAot.Observe;

/// <summary>Switches of the test build; at most one is on.</summary>
public static class Mutants
{
#if MUTANTS
    private static readonly string? Active = Environment.GetEnvironmentVariable("ETCDAOT_MUTANT");

    /// <summary>Requests are answered before the log's sync, which follows when there is time.</summary>
    public static bool AcknowledgeBeforeSync { get; } = Active == "acknowledge-before-fsync";

    /// <summary>The last entry that the db holds is applied to it once more at the next start.</summary>
    public static bool ApplyTwice { get; } = Active == "apply-twice-after-a-crash";

    /// <summary>A watcher that wants the last revision of the db and what follows misses the former.</summary>
    public static bool LoseWatchEvent { get; } = Active == "lose-an-event-in-catch-up";
#else
    public static bool AcknowledgeBeforeSync => false;

    public static bool ApplyTwice => false;

    public static bool LoseWatchEvent => false;
#endif
}
