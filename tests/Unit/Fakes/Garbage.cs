namespace EtcdAot.Tests.Unit.Fakes;

/// <summary>Measures what a steady state allocates on this thread.</summary>
internal static class Garbage
{
    /// <summary>The least of five rounds: the runtime allocates now and then where it compiles a method anew, code that
    /// allocates does so in each.</summary>
    public static long OfSteadyState(Action round)
    {
        long least = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            round();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
