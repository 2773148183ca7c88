// One stream to each server. A message goes to the real one first; what it answers until it is quiet is what ours is
// then waited for. Watch answers of one step are compared watcher by watcher: between watchers the original has no order.
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Two streams in lockstep.</summary>
internal sealed class StreamPair(Lockstep pair, RawMethod method) : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    private readonly RawStream _real = pair.Real.Open(method.Service, method.Name);
    private readonly RawStream _ours = pair.Ours.Open(method.Service, method.Name);

    /// <summary>How long a stream must be silent to count as done; the original looks at lagging watchers each 100 ms.</summary>
    public TimeSpan Quiet { get; init; } = TimeSpan.FromMilliseconds(method == RawMethods.Watch ? 220 : 30);

    /// <summary>Sends a message to both and compares what comes, at the least <paramref name="wanted"/>.</summary>
    public List<byte[]> Exchange(IMessage request, int wanted = 0)
    {
        pair.Table.Count(request);
        return Send(request.ToByteArray(), request.ToString()!, wanted);
    }

    /// <summary>Sends the one message of a server stream and half-closes, which the newer library of 3.5.30 waits for.</summary>
    public void Ask(IMessage request, int wanted)
    {
        pair.Table.Count(request);
        foreach (RawStream stream in new[] { _real, _ours })
        {
            stream.Send(request.ToByteArray());
            stream.HalfClose();
        }

        Compare(request.ToString()!, wanted);
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
        List<byte[]> theirs = _real.Take(count, Limit, TimeSpan.Zero)[..count];
        List<byte[]> mine = _ours.Take(count, Limit, TimeSpan.Zero);
        mine = mine[..Math.Min(count, mine.Count)];
        pair.Judge(method.Path, () => why, Lines(theirs, pair.Real, null), Lines(mine, pair.Ours, null));
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
        List<byte[]> theirs = _real.Take(wanted, Limit, Quiet);
        List<byte[]> mine = _ours.Take(theirs.Count, Limit, TimeSpan.FromMilliseconds(30));
        if (_real.End is { } end)
        {
            pair.CountText(end);
        }

        pair.Judge(method.Path, () => what, Lines(theirs, pair.Real, _real.End), Lines(mine, pair.Ours, _ours.End));
        return theirs;
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
