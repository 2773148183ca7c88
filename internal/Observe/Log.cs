// The JSON log on stderr, in the shape of etcd 3.5's (one object a line: level, ts, caller, msg, fields). An object of
// each member. Never on the request path of a healthy call.
using System.Buffers;
using System.Text.Json;
using EtcdAot.Sys;

namespace EtcdAot.Observe;

/// <summary>Severity, in etcd's words.</summary>
public enum LogLevel
{
    Debug,
    Info,
    Warn,
    Error,
    DPanic,
    Panic,
    Fatal,
}

/// <summary>Where finished lines go.</summary>
public interface ILogSink
{
    /// <summary>Writes one line, newline included.</summary>
    void WriteLine(ReadOnlySpan<byte> utf8);
}

/// <summary>Writes log lines. Any thread.</summary>
public sealed class Log(IClock clock, ILogSink sink, LogLevel minimum = LogLevel.Info)
{
    private readonly LogSampler _sampler = new();

    /// <summary>A log that writes nowhere, for tests.</summary>
    public static readonly Log None = new(SystemClock.Instance, new NullSink(), LogLevel.Fatal);

    /// <summary>Lines below this are dropped.</summary>
    public LogLevel Minimum { get; set; } = minimum;

    /// <summary>Starts a line. <paramref name="caller"/> is the original's file:line for that message.</summary>
    public LogLine Line(LogLevel level, string caller, string message) => Begin(level, caller, message, logger: null);

    public LogLine Debug(string caller, string message) => Line(LogLevel.Debug, caller, message);

    public LogLine Info(string caller, string message) => Line(LogLevel.Info, caller, message);

    /// <summary>Level info with a member "logger" before the caller.</summary>
    public LogLine InfoOf(string logger, string caller, string message)
    {
        return Begin(LogLevel.Info, caller, message, logger);
    }

    /// <summary>The same of level warn.</summary>
    public LogLine WarnOf(string logger, string caller, string message)
    {
        return Begin(LogLevel.Warn, caller, message, logger);
    }

    public LogLine Warn(string caller, string message) => Line(LogLevel.Warn, caller, message);

    public LogLine Error(string caller, string message) => Line(LogLevel.Error, caller, message);

    public LogLine Fatal(string caller, string message) => Line(LogLevel.Fatal, caller, message);

    public LogLine Panic(string caller, string message) => Line(LogLevel.Panic, caller, message);

    internal void Emit(ReadOnlySpan<byte> utf8) => sink.WriteLine(utf8);

    private LogLine Begin(LogLevel level, string caller, string message, string? logger)
    {
        if (level < Minimum)
        {
            return default;
        }

        long now = clock.WallUnixNanos;
        return _sampler.Admits(level, message, now) ? new LogLine(this, now, level, caller, message, logger) : default;
    }

    private sealed class NullSink : ILogSink
    {
        public void WriteLine(ReadOnlySpan<byte> utf8)
        {
        }
    }
}

/// <summary>One line being built: <c>log.Info("a.go:1", "msg").With("k", v).Write();</c> A dropped level costs nothing.</summary>
#pragma warning disable CA1001 // Write() disposes the writer; a line that is begun is always written.
public readonly struct LogLine
#pragma warning restore CA1001
{
    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    private readonly Log? _log;
    private readonly ArrayBufferWriter<byte>? _buffer;
    private readonly Utf8JsonWriter? _json;
    private readonly bool _withStack;

    internal LogLine(Log log, long unixNanos, LogLevel level, string caller, string message, string? logger)
    {
        _log = log;
        _withStack = level >= LogLevel.Error;
        _buffer = new ArrayBufferWriter<byte>(256);
        _json = new Utf8JsonWriter(_buffer, Options);
        _json.WriteStartObject();
        _json.WriteString("level", level switch
        {
            LogLevel.Debug => "debug",
            LogLevel.Info => "info",
            LogLevel.Warn => "warn",
            LogLevel.Error => "error",
            LogLevel.DPanic => "dpanic",
            LogLevel.Panic => "panic",
            _ => "fatal",
        });
        _json.WriteString("ts", Timestamp(unixNanos));
        if (logger is not null)
        {
            _json.WriteString("logger", logger);
        }

        _json.WriteString("caller", caller);
        _json.WriteString("msg", message);
    }

    public LogLine With(string key, string value)
    {
        _json?.WriteString(key, value);
        return this;
    }

    public LogLine With(string key, long value)
    {
        _json?.WriteNumber(key, value);
        return this;
    }

    public LogLine With(string key, ulong value)
    {
        _json?.WriteNumber(key, value);
        return this;
    }

    public LogLine With(string key, double value)
    {
        _json?.WriteNumber(key, value);
        return this;
    }

    public LogLine With(string key, bool value)
    {
        _json?.WriteBoolean(key, value);
        return this;
    }

    public LogLine With(string key, IReadOnlyList<string> values)
    {
        if (_json is not null)
        {
            _json.WriteStartArray(key);
            foreach (string value in values)
            {
                _json.WriteStringValue(value);
            }

            _json.WriteEndArray();
        }

        return this;
    }

    /// <summary>An error's text under the key "error".</summary>
    public LogLine WithError(string text) => With("error", text);

    /// <summary>Ends and emits the line; from level error on with the stack that came here, as its last field.</summary>
    public void Write()
    {
        if (_log is null)
        {
            return;
        }

        if (_withStack)
        {
            _json!.WriteString("stacktrace", Stack());
        }

        _json!.WriteEndObject();
        _json.Flush();
        _buffer!.GetSpan(1)[0] = (byte)'\n';
        _buffer.Advance(1);
        _log.Emit(_buffer.WrittenSpan);
        _json.Dispose();
    }

    // One frame a line, without the runtime's "at" and without the frames that only read the stack.
    private static string Stack()
    {
        string[] frames = Environment.StackTrace.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<string> shown = frames
            .Select(static f => f.StartsWith("at ", StringComparison.Ordinal) ? f[3..] : f)
            .SkipWhile(static f => f.StartsWith("System.Environment", StringComparison.Ordinal)
                || f.Contains(nameof(LogLine), StringComparison.Ordinal));
        return string.Join('\n', shown);
    }

    private static string Timestamp(long unixNanos)
    {
        DateTime at = DateTime.UnixEpoch.AddTicks(unixNanos / 100);
        return at.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);
    }
}
