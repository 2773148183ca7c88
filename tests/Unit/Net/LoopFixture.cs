using System.Collections.Concurrent;
using EtcdAot.Net;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Net;

/// <summary>Loops on real threads and small helpers; a broken invariant on a loop fails the test at its end.</summary>
internal sealed class LoopFixture : IDisposable
{
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);
    private readonly ConcurrentQueue<Exception> _failures = new();

    internal LoopFixture(int loops = 1, Limits? limits = null)
    {
        Errno result = LoopGroup.Open(
            loops, LinuxNetwork.Instance, SystemClock.Instance, limits ?? Limits.Default, _failures.Enqueue, out LoopGroup? group);
        Assert.Equal(Errno.Ok, result);
        Group = group!;
        Group.Start();
    }

    internal LoopGroup Group { get; }

    internal EpollLoop Loop => Group.Loops[0];

    public void Dispose()
    {
        Group.Dispose();
        Assert.Empty(_failures);
    }

    internal Listener Listen(Action<SocketConnection> onAccepted, string where = "127.0.0.1:0", int max = 100_000)
    {
        Errno result = Listener.Open(
            Group.Loops, where, ListenOptions.Default, new Acceptor(onAccepted), max, out Listener? listener, out string error);
        Assert.True(result == Errno.Ok, error);
        listener!.Start();
        return listener;
    }

    /// <summary>Runs on the loop and waits for the end.</summary>
    internal void OnLoop(Action action, EpollLoop? loop = null)
    {
        using var done = new ManualResetEventSlim();
        (loop ?? Loop).Post(new Work(() =>
        {
            action();
            done.Set();
        }));
        Assert.True(done.Wait(Patience), "the loop runs posted work");
    }

    internal static void Until(Func<bool> condition, string what)
    {
        Assert.True(SpinWait.SpinUntil(condition, Patience), what);
    }

    internal sealed class Work(Action action) : ILoopWork
    {
        public void Run() => action();
    }

    internal sealed class Acceptor(Action<SocketConnection> onAccepted) : IConnectionAcceptor
    {
        public void OnAccepted(SocketConnection connection) => onAccepted(connection);
    }
}

/// <summary>Remembers what a connection told.</summary>
internal sealed class Recorder : IConnectionHandler
{
    private int _closedCalls;

    internal MemoryStream Received { get; } = new();

    internal Action<ReadOnlySpan<byte>>? Bytes { get; init; }

    internal Action? Drained { get; set; }

    internal int DrainedCalls { get; private set; }

    internal int ClosedCalls => Volatile.Read(ref _closedCalls);

    internal Errno Reason { get; private set; }

    internal long ReceivedBytes => Volatile.Read(ref _received);

    private long _received;

    public void OnBytes(ReadOnlySpan<byte> bytes)
    {
        Assert.Equal(0, ClosedCalls);
        Received.Write(bytes);
        Volatile.Write(ref _received, _received + bytes.Length);
        Bytes?.Invoke(bytes);
    }

    public void OnDrained()
    {
        Assert.Equal(0, ClosedCalls);
        DrainedCalls++;
        Drained?.Invoke();
    }

    public void OnClosed(Errno reason)
    {
        Reason = reason;
        Interlocked.Increment(ref _closedCalls);
    }
}

/// <summary>Sends back what it gets.</summary>
internal sealed class Echo(SocketConnection connection) : IConnectionHandler
{
    internal static void Serve(SocketConnection connection) => connection.Handler = new Echo(connection);

    public void OnBytes(ReadOnlySpan<byte> bytes) => System.Buffers.BuffersExtensions.Write(connection, bytes);

    public void OnDrained()
    {
    }

    public void OnClosed(Errno reason)
    {
    }
}
