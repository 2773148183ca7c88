// Where log lines go (spec server-config §11): stderr, stdout, files, or several of them. Any thread.
using System.Text;
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Writes each line to every output.</summary>
internal sealed class LogSinks : ILogSink
{
    private readonly Stream[] _outputs;
    private readonly Lock _gate = new();

    private readonly long[] _lost;

    internal LogSinks(Stream[] outputs)
    {
        _outputs = outputs;
        _lost = new long[outputs.Length];
    }

    /// <summary>The default.</summary>
    public static LogSinks Stderr() => new([Console.OpenStandardError()]);

    /// <summary>Opens --log-outputs. Null, or the problem.</summary>
    public static string? Open(IReadOnlyList<string> names, out LogSinks? sinks)
    {
        sinks = null;
        if (names.Count > 1 && names.Contains("default"))
        {
            return "multi logoutput for \"default\" is not supported yet";
        }

        var outputs = new List<Stream>();
        foreach (string name in names)
        {
            switch (name)
            {
                case "default" or "stderr":
                    outputs.Add(Console.OpenStandardError());
                    break;
                case "stdout":
                    outputs.Add(Console.OpenStandardOutput());
                    break;
                case "systemd/journal":
                    return "--log-outputs=systemd/journal is not built yet: " +
                        "write to stderr, which systemd keeps too";
                default:
                    if (OpenFile(name, outputs) is { } problem)
                    {
                        return problem;
                    }

                    break;
            }
        }

        sinks = new LogSinks([.. outputs]);
        return null;
    }

    /// <inheritdoc/>
    public void WriteLine(ReadOnlySpan<byte> utf8)
    {
        lock (_gate)
        {
            for (int i = 0; i < _outputs.Length; i++)
            {
                Write(i, utf8);
            }
        }
    }

    // A log that cannot be written (disk full, reader gone) must not end a member that could serve: the line is counted,
    // and the next one that gets through is told of before it.
    private void Write(int output, ReadOnlySpan<byte> utf8)
    {
        try
        {
            if (_lost[output] > 0)
            {
                _outputs[output].Write(Encoding.UTF8.GetBytes(
                    $"{{\"level\":\"warn\",\"msg\":\"log lines could not be written\",\"lines\":{_lost[output]}}}\n"));
                _lost[output] = 0;
            }

            _outputs[output].Write(utf8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            _lost[output]++;
        }
    }

    private static string? OpenFile(string path, List<Stream> outputs)
    {
        try
        {
            outputs.Add(new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.Append,
                Access = FileAccess.Write,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
            }));
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string why = e is DirectoryNotFoundException or FileNotFoundException
                ? "no such file or directory"
                : Directory.Exists(path) ? "is a directory" : "permission denied";
            return $"couldn't open sink \"{path}\": open {path}: {why}";
        }
    }
}
