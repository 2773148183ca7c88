// Runs one set of recorded steps in order, against a server of its own where the set has one, on the ports
// that the recording used (ids and table widths hang on them).
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>A set of rows with its folder, placeholders and server.</summary>
internal sealed class GoldenSet : IDisposable
{
    private const string Dead = "127.0.0.1:25199";

    private static readonly TimeSpan StepLimit = TimeSpan.FromSeconds(60);

    private readonly string _name;
    private readonly string _folder = Directory.CreateTempSubdirectory("golden.").FullName;
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly List<(GoldenRow Row, ToolProcess Process)> _background = [];
    private readonly GoldenPairing _pairing;
    private readonly NameServer _names;
    private Process? _server;

    public GoldenSet(string name, GoldenPairing pairing, NameServer names)
    {
        _name = name;
        _pairing = pairing;
        _names = names;
        _values["DIR"] = _folder;
        _values["DEAD"] = Dead;
        _values["DNS"] = names.Address;
        (int port, string member, string cluster, string[] extra) = name switch
        {
            "core" => (25010, "7fa0243da41856f2", "2f825f7ee614161e", Array.Empty<string>()),
            "alarm" => (25002, "224afcb1fdd53e0", "8ebf977044b4c418", ["--quota-backend-bytes", "2097152"]),
            _ => (0, "", "", []),
        };
        if (port > 0)
        {
            _values["C1"] = $"127.0.0.1:{port}";
            _values["P1"] = $"127.0.0.1:{port + 1}";
            _values["M1"] = member;
            _values["CL"] = cluster;
            StartServer(extra);
        }
    }

    /// <summary>Runs all rows; calls <paramref name="judge"/> with the row, the exit code and both outputs,
    /// raw output first.</summary>
    public void Run(List<GoldenRow> rows, Action<GoldenRow, GoldenAnswer> judge)
    {
        foreach (GoldenRow row in rows)
        {
            foreach ((GoldenRow Row, ToolProcess Process) ended in _background.FindAll(b =>
                b.Row.StoppedBeforeStep <= row.Step))
            {
                EndBackground(ended, judge);
            }

            Prepare(row.Before);
            ToolProcess process = Spawn(row);
            if (row.IsBackground)
            {
                _background.Add((row, process));
                Thread.Sleep(900);
                continue;
            }

            using (process)
            {
                if (row.KillAfterMillis is int after && !process.Wait(TimeSpan.FromMilliseconds(after + 200)))
                {
                    process.Signal(row.Signal ?? "INT");
                }

                judge(row, Answer(row, process.End(StepLimit)));
            }

            if (_name == "alarm" && row.HasLongInput)
            {
                Thread.Sleep(700);
            }
        }

        foreach ((GoldenRow Row, ToolProcess Process) left in _background.ToList())
        {
            EndBackground(left, judge);
        }
    }

    /// <summary>Puts placeholders in place of addresses, ids and folders.</summary>
    public string Hide(string text)
    {
        foreach ((string name, string value) in _values.OrderByDescending(v => v.Value.Length))
        {
            bool isId = name is not ("DIR" or "DEAD" or "DNS") && Regex.IsMatch(value, "^[0-9a-f]{8,16}$");
            if (isId)
            {
                ulong number = ulong.Parse(value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                text = Regex.Replace(text, $"(?<![0-9A-Za-z]){value}(?![0-9A-Za-z])", $"{{{name}}}");
                text = Regex.Replace(text, $@"(?<!\d){number}(?!\d)", $"{{{name}:d}}");
            }
            else
            {
                string edge = name == "DIR" ? "" : @"(?<![\w.])";
                string end = name == "DIR" ? "" : @"(?!\d)";
                text = Regex.Replace(text, edge + Regex.Escape(value) + end, $"{{{name}}}");
            }
        }

        return text;
    }

    public void Dispose()
    {
        foreach ((_, ToolProcess process) in _background)
        {
            process.Dispose();
        }

        if (_server is not null)
        {
            _server.Kill();
            _server.WaitForExit();
            _server.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private void StartServer(string[] extra)
    {
        string client = $"http://{_values["C1"]}";
        string peer = $"http://{_values["P1"]}";
        string listen = _name == "core" ? $"{client},unix://{_folder}/e.sock" : client;
        string[] args =
        [
            "--name", "default", "--data-dir", Path.Combine(_folder, "d"), "--listen-client-urls", listen,
            "--advertise-client-urls", client, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", $"default={peer}", .. extra,
        ];
        string log = Path.Combine(_folder, "log");
        var start = new ProcessStartInfo("/bin/sh",
            ["-c", "exec \"$@\" > \"$0\" 2>&1", log, _pairing.Server, .. args])
        {
            WorkingDirectory = _folder,
            UseShellExecute = false,
        };
        foreach (string name in start.Environment.Keys.Where(k =>
            k.StartsWith("ETCD", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        _server = Process.Start(start)!;
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        for (int tenths = 0; tenths < 600; tenths++)
        {
            if (_server.HasExited)
            {
                Assert.Fail($"the server ended: {File.ReadAllText(log)}");
            }

            try
            {
                string version = http.GetStringAsync($"{client}/version").GetAwaiter().GetResult();
                if (!version.Contains("not_decided", StringComparison.Ordinal))
                {
                    Thread.Sleep(500);
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            Thread.Sleep(100);
        }

        Assert.Fail($"the server was not ready within a minute: {File.ReadAllText(log)}");
    }

    private void Prepare(string? before)
    {
        switch (before)
        {
            case null:
                break;
            case "wait 5 s":
                Thread.Sleep(5000);
                break;
            case string wait when wait.StartsWith("wait 1 s", StringComparison.Ordinal):
                Thread.Sleep(1300);
                break;
            case string copy when copy.StartsWith("copy snap.db to bad.db", StringComparison.Ordinal):
                byte[] data = File.ReadAllBytes(Path.Combine(_folder, "snap.db"));
                data.AsSpan(data.Length - 40).Clear();
                File.WriteAllBytes(Path.Combine(_folder, "bad.db"), data);
                break;
            case string write when write.StartsWith("write the three bytes", StringComparison.Ordinal):
                File.WriteAllBytes(Path.Combine(_folder, "short.db"), "abc"u8.ToArray());
                break;
            default:
                Assert.Fail($"the golden file asks for something unknown: {before}");
                break;
        }
    }

    private ToolProcess Spawn(GoldenRow row)
    {
        string? endpoint = row.Endpoint switch
        {
            "none" => null,
            string own => own,
            _ => _name switch { "usage" => null, "noserver" => "{DEAD}", _ => "{C1}" },
        };
        List<string> args = [.. row.Args];
        if (endpoint is not null)
        {
            args.Insert(0, $"--endpoints={endpoint}");
        }

        string[] line = row.AsksForNames ? _names.Wrap(_pairing.Client) : [_pairing.Client];
        return new ToolProcess(
            line[0],
            [.. line[1..], .. args.Select(Expand)],
            _folder,
            row.Variables.Select(v => (v.Name, Expand(v.Value))),
            row.Input.ConvertAll(i => (Expand(i.Text), i.PauseMillis)));
    }

    private void EndBackground(
        (GoldenRow Row, ToolProcess Process) started, Action<GoldenRow, GoldenAnswer> judge)
    {
        _background.Remove(started);
        using ToolProcess process = started.Process;
        if (started.Row.Signal is string signal)
        {
            Thread.Sleep(500);
            process.Signal(signal);
        }

        judge(started.Row, Answer(started.Row, process.End(TimeSpan.FromSeconds(20))));
    }

    private GoldenAnswer Answer(GoldenRow row, ToolResult result)
    {
        string output = Encoding.UTF8.GetString(result.Output);
        foreach ((string name, string pattern) in row.Captures)
        {
            Match match = Regex.Match(output, pattern);
            if (match.Success)
            {
                _values[name] = match.Groups[1].Value;
            }
        }

        string error = Encoding.UTF8.GetString(result.Error);
        return new GoldenAnswer(result.Exit, result.Output, Hide(output), Hide(error));
    }

    private string Expand(string text) => Regex.Replace(text, @"\{([A-Z]+\d*)(:d)?\}", m =>
        !_values.TryGetValue(m.Groups[1].Value, out string? value) ? m.Value :
        m.Groups[2].Length > 0
            ? $"{ulong.Parse(value, NumberStyles.HexNumber, CultureInfo.InvariantCulture)}" : value);
}
