// What the kernel knows of this process, as metrics: read from /proc at each scrape, on the scraping I/O
// thread.
using System.Globalization;
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Adds process_* and os_fd_*.</summary>
internal static class ProcessMetrics
{
    private const double TicksPerSecond = 100;
    private const int PageBytes = 4096;

    // Places in /proc/self/stat behind the command's closing bracket (proc(5), counted from 3 there).
    private const int UserTicks = 14 - 3;
    private const int SystemTicks = 15 - 3;
    private const int StartTicks = 22 - 3;
    private const int VirtualBytes = 23 - 3;
    private const int ResidentPages = 24 - 3;

    /// <summary>Adds them all.</summary>
    public static void AddTo(MetricsRegistry registry)
    {
        double boot = BootSeconds();
        registry.CounterOf("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
            static () => (Stat(UserTicks) + Stat(SystemTicks)) / TicksPerSecond);
        registry.Gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            () => boot + (Stat(StartTicks) / TicksPerSecond));
        registry.Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.",
            static () => Stat(VirtualBytes));
        registry.Gauge("process_virtual_memory_max_bytes",
            "Maximum amount of virtual memory available in bytes.",
            static () => Limit("Max address space"));
        registry.Gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
            static () => Stat(ResidentPages) * PageBytes);
        registry.Gauge("process_max_fds", "Maximum number of open file descriptors.",
            static () => Limit("Max open files"));
        registry.Gauge("process_open_fds", "Number of open file descriptors.", static () => OpenFiles());
        registry.Gauge("os_fd_limit", "The file descriptor limit.", static () => Limit("Max open files"));
        registry.Gauge("os_fd_used", "The number of used file descriptors.", static () => OpenFiles());
        AddNetwork(registry);
    }

    private static void AddNetwork(MetricsRegistry registry)
    {
        registry.CounterOf("process_network_receive_bytes_total",
            "Number of bytes received by the process over the network.", static () => Network("InOctets"));
        registry.CounterOf("process_network_transmit_bytes_total",
            "Number of bytes sent by the process over the network.", static () => Network("OutOctets"));
    }

    private static double Stat(int place)
    {
        string text = Read("/proc/self/stat");
        string[] fields = text[(text.LastIndexOf(')') + 1)..].Split(' ',
            StringSplitOptions.RemoveEmptyEntries);
        return place < fields.Length ? Number(fields[place]) : 0;
    }

    private static double Limit(string name)
    {
        foreach (string line in Read("/proc/self/limits").Split('\n'))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                string soft = line[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
                return soft == "unlimited" ? ulong.MaxValue : Number(soft);
            }
        }

        return 0;
    }

    // Two lines for each group: names, then values, both behind "IpExt:".
    private static double Network(string name)
    {
        string[] lines = [.. Read("/proc/self/net/netstat").Split('\n')
            .Where(static l => l.StartsWith("IpExt:", StringComparison.Ordinal))];
        int at = lines.Length == 2 ? Array.IndexOf(lines[0].Split(' '), name) : -1;
        return at > 0 ? Number(lines[1].Split(' ')[at]) : 0;
    }

    private static double BootSeconds()
    {
        string? line = Read("/proc/stat").Split('\n')
            .FirstOrDefault(static l => l.StartsWith("btime ", StringComparison.Ordinal));
        return line is null ? 0 : Number(line["btime ".Length..]);
    }

    private static double OpenFiles()
    {
        try
        {
            return Directory.GetFileSystemEntries("/proc/self/fd").Length;
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static double Number(string text)
    {
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
            ? number : 0;
    }
}
