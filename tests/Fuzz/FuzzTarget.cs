// One thing that takes bytes from outside. A target turns bytes into "accepted" or "refused"; everything else is a finding:
// an exception, a broken invariant, a crash of the process, an input that takes too long or too much memory.
namespace EtcdAot.Tests.Fuzz;

/// <summary>A decoder or state machine under hostile bytes.</summary>
internal abstract class FuzzTarget
{
    /// <summary>Name on the command line: letters, digits, dashes.</summary>
    public abstract string Name { get; }

    /// <summary>What it feeds, in a few words.</summary>
    public abstract string About { get; }

    /// <summary>Longest input, bytes.</summary>
    public virtual int LengthMax => 16 * 1024;

    /// <summary>Managed bytes that one input may allocate.</summary>
    public virtual long AllocatedMax => 64 << 20;

    /// <summary>Milliseconds that one input may take.</summary>
    public virtual int MillisMax => 2000;

    /// <summary>Inputs of a run that is bounded by count: costly targets take fewer.</summary>
    public virtual int CountOf(int wanted) => wanted;

    /// <summary>Good inputs, written by good writers: each must be accepted, or the target would fuzz the front door
    /// alone.</summary>
    public abstract IEnumerable<byte[]> Seeds();

    /// <summary>Feeds one input. The answer begins with '+' (accepted) or '-' (refused); what follows tells kinds of
    /// outcome apart, and an input with a new one is kept and mutated further.</summary>
    public abstract string Run(byte[] input);

    /// <summary>A change that keeps the input's structure; false: none, the common ones are used.</summary>
    public virtual bool TryMutate(byte[] input, Rng random, out byte[] changed)
    {
        changed = input;
        return false;
    }

    /// <summary>What repeats a finding: the input itself, or all since the target last began afresh.</summary>
    public virtual byte[] Repeatable(byte[] input) => input;

    /// <summary>Called after a finding: whatever state there is may be broken.</summary>
    public virtual void StartAfresh()
    {
    }
}

/// <summary>Fails when something holds that must not; the worker makes a finding of it.</summary>
internal sealed class BrokenPromiseException(string sentence) : Exception(sentence)
{
    public static void Unless(bool condition, string sentence)
    {
        if (!condition)
        {
            throw new BrokenPromiseException(sentence);
        }
    }
}
