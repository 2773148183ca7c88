// What the numbers were measured on, in words that name no machine. Main thread.
using System.Diagnostics;
using System.Globalization;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Bench;

/// <summary>Describes the machine.</summary>
internal static class Machine
{
    private const int Syncs = 200;

    /// <summary>Lines for the head of a report.</summary>
    internal static IEnumerable<string> Describe(string folder)
    {
        string model = First("/proc/cpuinfo", "model name").TrimStart(':', ' ', '\t');
        string memory = First("/proc/meminfo", "MemTotal:").Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        double gibibytes = double.Parse(memory, CultureInfo.InvariantCulture) / (1024 * 1024);
        string load = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        string kernel = Kernel(File.ReadAllText("/proc/sys/kernel/osrelease"));
        Spread sync = SyncMicros(folder);
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"machine: {Environment.ProcessorCount} cores, {model}, {gibibytes:F0} GiB; Linux {kernel}; load average {load}");
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"data on {FileSystem(folder, File.ReadLines("/proc/self/mountinfo"))}; pwrite + fdatasync of 512 bytes, "
            + $"{Syncs} times: {sync.Min:F0}–{sync.Median:F0}–{sync.Max:F0} us");
    }

    /// <summary>First line of what a server says of its version.</summary>
    internal static string VersionOf(string command)
    {
        string program = command.Split(' ')[0];
        var start = new ProcessStartInfo(program, "--version") { UseShellExecute = false, RedirectStandardOutput = true };
        using Process process = Process.Start(start) ?? throw new IOException("cannot start " + program);
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return text.Split('\n')[0].Trim();
    }

    /// <summary>The numbers of a kernel's name, without its builder's suffix.</summary>
    internal static string Kernel(string release)
    {
        return string.Concat(release.TakeWhile(static c => char.IsAsciiDigit(c) || c == '.'));
    }

    /// <summary>Type of the file system that a folder lies on (proc(5), mountinfo).</summary>
    internal static string FileSystem(string folder, IEnumerable<string> mounts)
    {
        string path = Path.GetFullPath(folder).TrimEnd('/') + "/";
        string type = "an unknown file system";
        int longest = -1;
        foreach (string line in mounts)
        {
            string[] halves = line.Split(" - ");
            string point = halves[0].Split(' ')[4].TrimEnd('/') + "/";
            if (halves.Length == 2 && point.Length >= longest && path.StartsWith(point, StringComparison.Ordinal))
            {
                longest = point.Length;
                type = halves[1].Split(' ')[0];
            }
        }

        return type;
    }

    private static Spread SyncMicros(string folder)
    {
        string path = Path.Combine(folder, "bench-" + Guid.NewGuid().ToString("N"));
        double[] micros = new double[Syncs];
        Errno e = LinuxDisk.Instance.Open(path, OpenFlags.Write | OpenFlags.Create, 0x180, out IDiskFile? file);
        if (e.Failed)
        {
            throw new IOException("cannot create a file in the data folder: " + e);
        }

        // Blocks that are written already, as in the middle of a log.
        byte[] block = new byte[512];
        e = file!.WriteAt(new byte[Syncs * block.Length], 0);
        e = e.Failed ? e : file.Sync();
        for (int i = 0; i < Syncs && !e.Failed; i++)
        {
            long started = Stopwatch.GetTimestamp();
            e = file.WriteAt(block, i * block.Length);
            e = e.Failed ? e : file.DataSync();
            micros[i] = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        }

        file.Dispose();
        File.Delete(path);
        return e.Failed ? throw new IOException("cannot sync a file in the data folder: " + e) : Spread.Of(micros);
    }

    private static string First(string file, string name)
    {
        string? line = File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
        return line is null ? "unknown" : line[name.Length..].Trim();
    }
}
