// A server under test: started with a fresh data directory and free ports, watched through /proc, killed at the end.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Bench;

/// <summary>Processor time and memory of a process.</summary>
internal sealed class ProcessProbe(int pid)
{
    private const double TicksPerSecond = 100;

    /// <summary>User and system seconds of all threads so far.</summary>
    internal double CpuSeconds()
    {
        string stat = File.ReadAllText($"/proc/{pid}/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        long user = long.Parse(fields[11], CultureInfo.InvariantCulture);
        long system = long.Parse(fields[12], CultureInfo.InvariantCulture);
        return (user + system) / TicksPerSecond;
    }

    /// <summary>VmRSS and RssAnon, bytes.</summary>
    internal (long Rss, long Anonymous) Memory()
    {
        long rss = 0;
        long anonymous = 0;
        foreach (string line in File.ReadLines($"/proc/{pid}/status"))
        {
            string[] words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2 && words[0] is "VmRSS:" or "RssAnon:")
            {
                long bytes = long.Parse(words[1], CultureInfo.InvariantCulture) * 1024;
                rss = words[0] == "VmRSS:" ? bytes : rss;
                anonymous = words[0] == "RssAnon:" ? bytes : anonymous;
            }
        }

        return (rss, anonymous);
    }
}

internal sealed class ServerProcess : IDisposable
{
    private const int FirstPort = 28_000;
    private const int LastPort = 32_000;
    private readonly Process _process;
    private readonly string _folder;

    /// <param name="command">Program and further arguments, split at spaces.</param>
    /// <param name="parent">Folder for the data; both servers must use the same file system.</param>
    internal ServerProcess(string command, string parent)
    {
        _folder = Path.Combine(parent, "bench-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(_folder);
        Address = NetworkAddress.Loopback(FreePort());
        string client = $"http://{Address}";
        string peer = $"http://127.0.0.1:{FreePort()}";
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var start = new ProcessStartInfo(words[0])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        string[] flags = [
            "--data-dir", Path.Combine(_folder, "data"), "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer];
        foreach (string word in words.Skip(1).Concat(flags))
        {
            start.ArgumentList.Add(word);
        }

        using var generator = new Generator(Address);
        long started = Stopwatch.GetTimestamp();
        _process = Process.Start(start) ?? throw new IOException("cannot start " + command);
        var lastLines = new Queue<string>();
        void Keep(object sender, DataReceivedEventArgs e)
        {
            lock (lastLines)
            {
                lastLines.Enqueue(e.Data ?? "");
                if (lastLines.Count > 20)
                {
                    lastLines.Dequeue();
                }
            }
        }

        _process.ErrorDataReceived += Keep;
        _process.OutputDataReceived += Keep;
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        Probe = new ProcessProbe(_process.Id);
        WaitUntilServing(generator, started, command, lastLines);
        StartTime = Stopwatch.GetElapsedTime(started);
    }

    /// <summary>From before exec to the first answered linearizable get.</summary>
    internal TimeSpan StartTime { get; }

    internal int Id => _process.Id;

    internal NetworkAddress Address { get; }

    internal ProcessProbe Probe { get; }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A port that nobody listens on, below those that the system gives to outgoing connections: one of
    /// those can be taken between this look and the server's bind.</summary>
    private static int FreePort()
    {
        while (true)
        {
            int port = Random.Shared.Next(FirstPort, LastPort);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken; another one.
            }
        }
    }

    private void WaitUntilServing(Generator generator, long started, string command, Queue<string> lastLines)
    {
        while (!generator.IsServing())
        {
            if (_process.HasExited || Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(30))
            {
                string tail;
                lock (lastLines)
                {
                    tail = string.Join('\n', lastLines);
                }

                Dispose();
                throw new IOException($"{command} does not serve:\n{tail}");
            }

            Thread.Sleep(1);
        }
    }
}
