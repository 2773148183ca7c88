// Programmer errors end the member: an invariant that does not hold is never repaired (STYLE part 2, 3). On in production.
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace EtcdAot.Observe;

/// <summary>Thrown by a broken invariant; nothing catches it but the host of the actor, which ends the member.</summary>
public sealed class InvariantException(string message) : Exception(message);

/// <summary>Cheap checks that stay on.</summary>
public static class Invariant
{
    /// <summary>Checks; the sentence says what must hold.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check([DoesNotReturnIf(false)] bool condition, string sentence)
    {
        if (!condition)
        {
            Fail(sentence);
        }
    }

    /// <summary>Says that a place is never reached.</summary>
    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Fail(string sentence) => throw new InvariantException(sentence);
}

/// <summary>Costly whole-structure checks: on with ETCD_VERIFY=all, always on in tests.</summary>
public static class Verify
{
    /// <summary>Set once at start; process-wide because a check has no owner to ask.</summary>
    public static bool Enabled { get; set; } = Environment.GetEnvironmentVariable("ETCD_VERIFY") == "all";

    /// <summary>Runs the check when enabled.</summary>
    public static void Run(Action check)
    {
        if (Enabled)
        {
            check();
        }
    }
}
