// Raw answers: of a unary call, and of a stream whose messages are gathered in the background.
using System.Diagnostics;
using System.Globalization;
using Grpc.Core;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Status and, when it is OK, the undecoded message.</summary>
internal readonly record struct RawReply(Status Outcome, byte[]? Body)
{
    /// <summary>Code number and text.</summary>
    public string Status => Text(Outcome);

    public static string Text(Status status) =>
        $"{((int)status.StatusCode).ToString(CultureInfo.InvariantCulture)} {status.Detail}".TrimEnd();
}

/// <summary>An open stream; what arrives is kept until it is asked for.</summary>
internal sealed class RawStream : IDisposable
{
    private readonly AsyncDuplexStreamingCall<byte[], byte[]> _call;
    private readonly Lock _guard = new();
    private readonly List<byte[]> _arrived = [];
    private readonly Task _reader;
    private long _lastArrival = Stopwatch.GetTimestamp();
    private string? _end;

    public RawStream(AsyncDuplexStreamingCall<byte[], byte[]> call)
    {
        _call = call;
        _reader = Task.Run(ReadAsync);
    }

    /// <summary>How the stream ended, or null.</summary>
    public string? End
    {
        get
        {
            lock (_guard)
            {
                return _end;
            }
        }
    }

    /// <summary>Sends one message; a stream that has ended swallows it.</summary>
    public void Send(byte[] message)
    {
        try
        {
            _call.RequestStream.WriteAsync(message).Wait(TimeSpan.FromSeconds(10));
        }
        catch (AggregateException e) when (e.InnerException is RpcException or InvalidOperationException)
        {
            // The reader tells the status.
        }
    }

    public void HalfClose()
    {
        try
        {
            _call.RequestStream.CompleteAsync().Wait(TimeSpan.FromSeconds(10));
        }
        catch (AggregateException e) when (e.InnerException is RpcException or InvalidOperationException)
        {
            // The reader tells the status.
        }
    }

    /// <summary>Messages that have arrived and were not taken.</summary>
    public int Arrived
    {
        get
        {
            lock (_guard)
            {
                return _arrived.Count;
            }
        }
    }

    /// <summary>Time stamp of the last message, or of the beginning.</summary>
    public long LastArrival
    {
        get
        {
            lock (_guard)
            {
                return _lastArrival;
            }
        }
    }

    /// <summary>Takes the first messages that have arrived.</summary>
    public List<byte[]> Take(int most)
    {
        lock (_guard)
        {
            List<byte[]> taken = _arrived.GetRange(0, Math.Min(most, _arrived.Count));
            _arrived.RemoveRange(0, taken.Count);
            return taken;
        }
    }

    /// <summary>Waits for the end.</summary>
    public bool WaitForEnd(TimeSpan limit) => _reader.Wait(limit);

    public void Dispose()
    {
        _call.Dispose();
        _reader.Wait(TimeSpan.FromSeconds(5));
    }

    private async Task ReadAsync()
    {
        string end;
        try
        {
            while (await _call.ResponseStream.MoveNext(CancellationToken.None).ConfigureAwait(false))
            {
                lock (_guard)
                {
                    _arrived.Add(_call.ResponseStream.Current);
                    _lastArrival = Stopwatch.GetTimestamp();
                }
            }

            end = RawReply.Text(_call.GetStatus());
        }
        catch (RpcException e)
        {
            end = RawReply.Text(e.Status);
        }

        lock (_guard)
        {
            _end = end;
        }
    }
}
