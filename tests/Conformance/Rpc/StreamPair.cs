// One stream to each server. A message goes to the real one first; then both are waited for until they have said equally
// much and are quiet, so that a server that is slow for a moment makes no difference. Watch answers of one step are compared
// watcher by watcher: between watchers the original has no order.
using System.Diagnostics;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Two streams in lockstep.</summary>
internal sealed class StreamPair(Lockstep pair, RawMethod method) : IDisposable
{
    // Reached only by a difference.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly RawStream _real = pair.Real.Open(method.Service, method.Name);
    private readonly RawStream _ours = pair.Ours.Open(method.Service, method.Name);

    // How long both must be silent: what only one of them sends shall be seen in its own step.
    private readonly TimeSpan _quiet = TimeSpan.FromMilliseconds(method == RawMethods.Watch ? 80 : 30);

    /// <summary>Sends a message to both and compares what comes, at the least <paramref name="wanted"/>.</summary>
    public List<byte[]> Exchange(IMessage request, int wanted = 0)
    {
        pair.Table.Count(request);
        return Send(request.ToByteArray(), request.ToString()!, wanted);
    }

    /// <summary>Sends many at once, without waiting in between.</summary>
    public void ExchangeAll(string what, IReadOnlyList<IMessage> requests, int wanted)
    {
        foreach (IMessage request in requests)
        {
            pair.Table.Count(request);
            _real.Send(request.ToByteArray());
            _ours.Send(request.ToByteArray());
        }

        Compare(what, wanted);
    }

    /// <summary>Sends the one message of a server stream and half-closes, which the newer library of 3.5.30 waits for.</summary>
    public void Ask(IMessage request, int wanted)
    {
        pair.Table.Count(request);
        Ask(request.ToByteArray(), request.ToString()!, wanted);
    }

    /// <summary>The same with bytes of any form.</summary>
    public void Ask(byte[] bytes, string what, int wanted)
    {
        foreach (RawStream stream in new[] { _real, _ours })
        {
            stream.Send(bytes);
            stream.HalfClose();
        }

        Compare(what, wanted);
    }

    /// <summary>The same with bytes in an odd form.</summary>
    public void Odd(byte[] bytes, string form, int wanted = 0)
    {
        pair.Table.Row("forms", form);
        Send(bytes, form + " " + Convert.ToHexString(bytes), wanted);
    }

    /// <summary>Compares what came because of something else.</summary>
    public List<byte[]> Collect(string why, int wanted = 0) => Compare(why, wanted);

    /// <summary>Waits for answers that come at times of their own, and compares the first of them.</summary>
    public void First(string why, int count)
    {
        List<byte[]>[] first = [.. new[] { _real, _ours }.Select(stream =>
        {
            long started = Stopwatch.GetTimestamp();
            while (stream.Arrived < count && Stopwatch.GetElapsedTime(started) < Limit)
            {
                Thread.Sleep(5);
            }

            return stream.Take(count);
        })];
        pair.Judge(method.Path, () => why, Lines(first[0], pair.Real, null), Lines(first[1], pair.Ours, null));
    }

    /// <summary>Ends our side; compares what still comes and, when the method ends by it, how it ends.</summary>
    public void HalfClose()
    {
        _real.HalfClose();
        _ours.HalfClose();
        if (method != RawMethods.Watch)
        {
            _real.WaitForEnd(Limit);
            _ours.WaitForEnd(Limit);
        }

        Compare("half-close", 0);
    }

    public void Dispose()
    {
        _real.Dispose();
        _ours.Dispose();
    }

    private List<byte[]> Send(byte[] bytes, string what, int wanted)
    {
        _real.Send(bytes);
        _ours.Send(bytes);
        return Compare(what, wanted);
    }

    private List<byte[]> Compare(string what, int wanted)
    {
        Settle(wanted);
        List<byte[]> theirs = _real.Take(int.MaxValue);
        List<byte[]> mine = _ours.Take(int.MaxValue);
        if (_real.End is { } end)
        {
            pair.CountText(end);
        }

        pair.Judge(method.Path, () => what, Lines(theirs, pair.Real, _real.End), Lines(mine, pair.Ours, _ours.End));
        return theirs;
    }

    // The original catches up in the background, each 100 ms, and tells by a metric that it has work left.
    private void Settle(int wanted)
    {
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < Limit)
        {
            bool equal = _real.Arrived == _ours.Arrived && (_real.End is null) == (_ours.End is null);
            bool enough = _real.Arrived >= wanted || _real.End is not null;
            TimeSpan silence = Stopwatch.GetElapsedTime(Math.Max(started, Math.Max(_real.LastArrival, _ours.LastArrival)));
            if (equal && enough && silence >= _quiet && (method != RawMethods.Watch || !pair.Real.HasWatchersBehind()))
            {
                // What it sent before it said so may still be on its way.
                if (_real.Arrived == _ours.Arrived)
                {
                    return;
                }
            }

            Thread.Sleep(5);
        }
    }

    private List<string> Lines(List<byte[]> messages, RpcMember member, string? end)
    {
        var lines = new List<string>();
        IEnumerable<byte[]> ordered = method == RawMethods.Watch ? messages.OrderBy(WatchOf) : messages;
        int number = 0;
        foreach (byte[] message in ordered)
        {
            number++;
            lines.Add($"{number}: message");
            lines.AddRange(ReplyLines.Of(method, message, member).Select(l => $"{number}: {l}"));
        }

        if (end is not null)
        {
            lines.Add("ended " + end);
        }

        return lines;
    }

    private static long WatchOf(byte[] message) => WatchResponse.Parser.ParseFrom(message).WatchId;
}
