using System.Diagnostics;
using System.Globalization;

namespace EtcdAot.Tests.Model.Raft;

/// <summary>Goal: no order of messages, crashes, late writes and member changes breaks raft's promises. Method: ten million random
/// steps in episodes with drawn fault rates, each step checked from outside (<see cref="Checker"/>). RAFT_SEED runs one episode,
/// RAFT_STEPS sets the sum of steps.</summary>
public class RaftModelTests(ITestOutputHelper output)
{
    private const long StepsDefault = 10_000_000;
    private const long StepsOfEpisode = 20_000;

    [Fact]
    public void TenMillionRandomSteps()
    {
        string? seedText = Environment.GetEnvironmentVariable("RAFT_SEED");
        string? stepsText = Environment.GetEnvironmentVariable("RAFT_STEPS");
        long steps = stepsText is null ? StepsDefault : long.Parse(stepsText, CultureInfo.InvariantCulture);
        output.WriteLine(seedText is null
            ? RunAll(steps)
            : RunOne(ulong.Parse(seedText, CultureInfo.InvariantCulture), stepsText is null ? StepsOfEpisode : steps).ToString());
    }

    internal static string RunAll(long steps)
    {
        var watch = Stopwatch.StartNew();
        ulong committed = 0;
        long reads = 0;
        long episodes = Math.Max(1, steps / StepsOfEpisode);
        for (long seed = 1; seed <= episodes; seed++)
        {
            (ulong c, long r) = RunOne((ulong)seed, Math.Min(steps, StepsOfEpisode));
            committed += c;
            reads += r;
        }

        return $"{episodes} episodes of {StepsOfEpisode} steps: {committed} entries committed, {reads} reads answered, "
            + $"{watch.Elapsed.TotalSeconds:F0} s";
    }

    private static (ulong Committed, long Reads) RunOne(ulong seed, long steps)
    {
        // Mostly three and five, now and then a member alone that others join.
        var episode = new Episode(seed, voters: seed % 10 == 0 ? 1 : seed % 2 == 0 ? 3 : 5);
        try
        {
            episode.Run(steps);
        }
        catch (Exception e)
        {
            throw new BrokenPromiseException($"seed {seed}: {e.Message}\nrepeat: RAFT_SEED={seed} RAFT_STEPS={steps} dotnet run "
                + $"-c Release --project tests/Model -- -class \"{typeof(RaftModelTests).FullName}\"\n{e.StackTrace}");
        }

        return (episode.Committed, episode.Reads);
    }
}
