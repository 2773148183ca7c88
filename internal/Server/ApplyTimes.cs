// How long applying took, by operation and outcome (etcd_server_apply_duration_seconds). Written by the core thread, read
// by any: a histogram comes into being with the first request of its kind.
using EtcdAot.Observe;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>Durations of applied requests.</summary>
public sealed class ApplyTimes
{
    /// <summary>An apply that takes longer is slow (--experimental-warning-apply-duration).</summary>
    private const long SlowNanos = 100_000_000;

    private static readonly double[] Bounds = Histogram.Doubling(0.0001, 20);
    private static readonly RaftOp[] Ops = Enum.GetValues<RaftOp>();

    private readonly Histogram?[] _succeeded = new Histogram?[Ops.Length];
    private readonly Histogram?[] _failed = new Histogram?[Ops.Length];
    private readonly Counter _slow;
    private Histogram? _v2Put;

    internal ApplyTimes(MetricsRegistry registry, Counter slow)
    {
        _slow = slow;
        registry.Labeled("etcd_server_apply_duration_seconds", "histogram",
            "The latency distributions of v2 apply called by backend.", Write);
    }

    /// <summary>A request was applied; a compacted revision counts as success, as there.</summary>
    internal void Applied(RaftOp op, EtcdError? error, long nanos)
    {
        Histogram?[] of = error is null || ReferenceEquals(error, EtcdError.Compacted) ? _succeeded : _failed;
        int at = Array.BinarySearch(Ops, op);
        Add(of[at] ?? Make(ref of[at]), nanos);
    }

    /// <summary>A v2 request (member attributes, cluster version) was applied.</summary>
    internal void AppliedV2(long nanos) => Add(_v2Put ?? Make(ref _v2Put), nanos);

    private static Histogram Make(ref Histogram? at)
    {
        var made = new Histogram(Bounds);
        Volatile.Write(ref at, made);
        return made;
    }

    private void Add(Histogram times, long nanos)
    {
        times.ObserveNanos(nanos);
        if (nanos > SlowNanos)
        {
            _slow.Add();
        }
    }

    private void Write(MetricsText text)
    {
        foreach ((string name, int at) in Ops.Select(static (op, at) => (op.ToString(), at))
            .OrderBy(static pair => pair.Item1, StringComparer.Ordinal))
        {
            if (Ops[at] == RaftOp.Put && Volatile.Read(ref _v2Put) is { } v2)
            {
                text.Samples("op=\"PUT\",success=\"true\",version=\"v2\"", v2);
            }

            Write(text, name, "false", _failed[at]);
            Write(text, name, "true", _succeeded[at]);
        }
    }

    private static void Write(MetricsText text, string op, string success, Histogram? times)
    {
        if (times is not null)
        {
            text.Samples($"op=\"{op}\",success=\"{success}\",version=\"v3\"", times);
        }
    }
}
