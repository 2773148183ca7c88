// Shows that the fuzzer bites: weak decoders, one for each kind of defect, that it must see through within a bounded number
// of inputs, in the way their kind is found.
namespace EtcdAot.Tests.Fuzz;

/// <summary>Runs the weak decoders and compares what was found with what was planted.</summary>
internal static class SelfCheck
{
    private const int Inputs = 50_000;

    public static int Run()
    {
        int failed = 0;
        string directory = Directory.CreateTempSubdirectory("fuzz-check").FullName;
        TextWriter output = Console.Out;
        foreach (FuzzTarget weak in WeakDecoders.All)
        {
            var options = new RunOptions
            {
                Seed = 1,
                Count = Inputs,
                Seconds = 0,
                Targets = weak.Name,
                OutputDirectory = directory,
                FindingsMax = 1,
            };
            var told = new StringWriter();
            Console.SetOut(told);
            var supervisor = new Supervisor(options);
            bool diesOfIt = weak is WeakDecoder { Kills: true };
            bool found = diesOfIt
                ? supervisor.Run([weak]) == 1 && supervisor.Deaths == 1
                : new Worker(options, current: null).Fuzz(weak, 0).Findings > 0
                    && told.ToString().Contains(((WeakDecoder)weak).Planted, StringComparison.Ordinal);
            Console.SetOut(output);
            Console.WriteLine($"{weak.Name,-16} {(found ? "found" : "MISSED")}: {weak.About}");
            failed += found ? 0 : 1;
        }

        Directory.Delete(directory, recursive: true);
        Console.WriteLine($"self-check       Total: {WeakDecoders.All.Count}, Errors: 0, Failed: {failed}");
        return failed == 0 ? 0 : 1;
    }
}
