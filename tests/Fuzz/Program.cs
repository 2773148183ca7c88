// Entry point of the fuzzer: `tests/Fuzz/run --help` teaches.
using System.Diagnostics;
using EtcdAot.Tests.Fuzz;

if (RunOptions.Parse(args, out RunOptions options) is { } problem)
{
    Console.Error.WriteLine(problem);
    return 2;
}

if (options.ShowHelp)
{
    Console.WriteLine(RunOptions.Help);
    return 0;
}

string? unknown = TargetTable.Choose(options.Targets, out List<FuzzTarget> targets);
if (unknown is not null)
{
    Console.Error.WriteLine($"no target '{unknown}'; --list names them");
    return 2;
}

if (options.List)
{
    targets.ForEach(static t => Console.WriteLine($"{t.Name,-16} {t.About}"));
    return 0;
}

if (options.RepeatTarget.Length > 0)
{
    FuzzTarget? target = TargetTable.Find(options.RepeatTarget);
    return target is null || !File.Exists(options.RepeatFile) ? 2
        : new Worker(options, current: null).Repeat(target, File.ReadAllBytes(options.RepeatFile)) ? 0 : 1;
}

return options.CurrentPath.Length > 0 ? Work(options, targets) : Supervise(options, targets);

static int Supervise(RunOptions options, List<FuzzTarget> targets)
{
    var time = Stopwatch.StartNew();
    Console.WriteLine($"seed {options.Seed}");
    int check = options.SelfCheck ? SelfCheck.Run() : 0;
    int exit = check | new Supervisor(options).Run(targets);
    Console.WriteLine($"{targets.Count} targets, {time.Elapsed.TotalMinutes:f1} min, {(exit == 0 ? "no finding" : "FINDINGS")}");
    return exit;
}

static int Work(RunOptions options, List<FuzzTarget> targets)
{
    using var current = new CurrentInput(options.CurrentPath, create: false);
    int exit = 0;
    for (int i = options.From; i < targets.Count; i++)
    {
        var time = Stopwatch.StartNew();
        TargetReport report = new Worker(options, current).Fuzz(targets[i], i);
        int failed = report.Findings > 0 ? 1 : 0;
        exit |= failed;
        Console.WriteLine($"{report.Name,-16} Total: 1, Errors: 0, Failed: {failed}, {report.Inputs} inputs, "
            + $"{report.Accepted} accepted, {report.Refused} refused, {report.Outcomes} outcomes, "
            + $"{time.Elapsed.TotalSeconds:f1} s");
    }

    return exit;
}
