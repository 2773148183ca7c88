// From the words of the command line to a running member: flags, environment, config file, log, checks (spec
// server-config §1–§5). Main thread.
using EtcdAot.Cmd.Etcd.Flags;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Cmd.Etcd;

/// <summary>The etcd program.</summary>
public static class EtcdMain
{
    private const string Caller = "etcdmain/etcd.go";

    /// <summary>Runs the program and returns its exit code.</summary>
    public static int Run(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        if (args is ["gateway" or "grpc-proxy", ..])
        {
            Console.Error.WriteLine($"etcd {args[0]} is not built yet");
            return 1;
        }

        var line = new CommandLine();
        switch (line.Parse(args))
        {
            case CommandLineEnd.Wrong:
                Console.Error.Write(line.Problem + "\n" + HelpText.Usage);
                return 2;
            case CommandLineEnd.Help:
                Console.Error.Write(HelpText.Usage);
                Console.Out.Write(HelpText.Flags());
                return 0;
            default:
                break;
        }

        if (line.Values["version"].IsTrue)
        {
            Console.Out.Write(HelpText.Version());
            return 0;
        }

        Signals.IgnoreHarmless();
        return Start(args, line);
    }

    private static int Start(string[] args, CommandLine line)
    {
        var log = new Log(SystemClock.Instance, LogSinks.Stderr());
        FlagValues values = line.Values;
        var environment = new FlagEnvironment(ProcessEntries(), log);
        string path = values.IsSet("config-file") ? values["config-file"].Text
            : environment.Find("ETCD_CONFIG_FILE");
        string? problem = line.Positional.Count > 0 ? $"'{line.Positional[0]}' is not a valid flag" : null;
        if (problem is null && path.Length > 0)
        {
            values = new FlagValues();
            problem = ConfigFile.Read(path, values);
            if (problem is null)
            {
                log.Info("etcdmain/config.go",
                    "loaded server configuration, other configuration command line flags and " +
                    "environment variables will be ignored if provided").With("path", path).Write();
            }
            else if (problem.StartsWith("unexpected error", StringComparison.Ordinal))
            {
                Console.Error.WriteLine(problem);
                return 1;
            }
        }
        else if (problem is null)
        {
            if (environment.Apply(values) == EnvironmentEnd.Shadowed)
            {
                return 1;
            }

            problem = environment.Problem.Length > 0 ? environment.Problem : null;
        }

        return problem is null ? Check(args, values, path.Length > 0, log) : Refuse(args, problem, log);
    }

    private static int Check(string[] args, FlagValues values, bool fromFile, Log log)
    {
        if (OpenLog(values, ref log, out int exit) is { } unopened)
        {
            return exit > 0 ? exit : Refuse(args, unopened, log);
        }

        var config = new MemberConfig(values, fromFile);
        string? problem = config.Validate(log);
        if (values.IsSet("proxy"))
        {
            log.Warn("etcdmain/config.go", "--proxy is deprecated in 3.5 and will be decommissioned in 3.6.")
                .Write();
        }

        if (problem is null && values.FirstUnbuilt() is { } flag)
        {
            problem = $"--{flag.Name} is known but not built yet: leave it out, or at its default " +
                GoQuote.Text(flag.Default);
        }

        SortedDictionary<string, IReadOnlyList<string>> cluster = [];
        if (problem is null && UrlList.ParseNamed(config.InitialCluster, out cluster) is { } wrong)
        {
            problem = "error setting up initial cluster: " + wrong;
        }

        if (problem is not null)
        {
            int refused = Refuse(args, problem, log);
            if (config.LacksAdvertise)
            {
                log.Warn(Caller, "advertise client URLs are not set").WithError(problem).Write();
            }

            return refused;
        }

        Running(args, log);
        return new MemberRun(config, cluster, log).Run();
    }

    private static string? OpenLog(FlagValues values, ref Log log, out int exit)
    {
        exit = 0;
        string logger = values["logger"].Text;
        if (logger != "zap")
        {
            return logger == "capnslog" ? "--logger=capnslog is removed in v3.5"
                : $"unknown logger option {GoQuote.Text(logger)}";
        }

        string word = values["log-level"].Text;
        LogLevel? level = word.ToLowerInvariant() switch
        {
            "debug" => LogLevel.Debug,
            "info" or "" => LogLevel.Info,
            "warn" => LogLevel.Warn,
            "error" => LogLevel.Error,
            "dpanic" => LogLevel.DPanic,
            "panic" => LogLevel.Panic,
            "fatal" => LogLevel.Fatal,
            _ => null,
        };
        if (level is null)
        {
            Console.Error.WriteLine($"panic: unrecognized level: {GoQuote.Text(word)}");
            exit = 2;
            return "";
        }

        if (LogSinks.Open(values["log-outputs"].Items, out LogSinks? sinks) is { } problem)
        {
            return problem;
        }

        log = new Log(SystemClock.Instance, sinks!, level.Value);
        return null;
    }

    private static void Running(string[] args, Log log) =>
        log.Info(Caller, "Running: ").With("args", [Environment.GetCommandLineArgs()[0], .. args]).Write();

    private static int Refuse(string[] args, string problem, Log log)
    {
        Running(args, log);
        log.Warn(Caller, "failed to verify flags").WithError(problem).Write();
        return 1;
    }

    // The order of the process environment decides which conflict is named; the runtime's table has lost it.
    private static string[] ProcessEntries() =>
        File.ReadAllText("/proc/self/environ").Split('\0', StringSplitOptions.RemoveEmptyEntries);
}
