// The I/O threads of a process: N loops, each on a host thread of its own. Any thread.
using System.Globalization;
using EtcdAot.Sys;

namespace EtcdAot.Net;

/// <summary>Several loops and their threads.</summary>
public sealed class LoopGroup : IDisposable
{
    private readonly EpollLoop[] _loops;
    private readonly HostThread[] _threads;
    private bool _started;

    private LoopGroup(EpollLoop[] loops, Action<Exception> onFailure)
    {
        _loops = loops;
        _threads = Array.ConvertAll(loops, loop => new HostThread(loop, onFailure));
    }

    /// <summary>The loops.</summary>
    public IReadOnlyList<EpollLoop> Loops => _loops;

    /// <summary>Opens the loops; <see cref="Start"/> runs them.</summary>
    /// <param name="count">Threads, at least 1.</param>
    /// <param name="network">The network.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="limits">Bounds.</param>
    /// <param name="onFailure">Hears of a broken invariant on one of the threads.</param>
    /// <param name="group">The group.</param>
    public static Errno Open(
        int count,
        INetwork network,
        IClock clock,
        Limits limits,
        Action<Exception> onFailure,
        out LoopGroup? group)
    {
        group = null;
        var loops = new EpollLoop[count];
        for (int i = 0; i < count; i++)
        {
            string name = "io-" + i.ToString(CultureInfo.InvariantCulture);
            Errno result = EpollLoop.Open(name, network, clock, limits, out EpollLoop? loop);
            if (result.Failed)
            {
                Array.ForEach(loops, static opened => opened?.Dispose());
                return result;
            }

            loops[i] = loop!;
        }

        group = new LoopGroup(loops, onFailure);
        return Errno.Ok;
    }

    /// <summary>Starts the threads.</summary>
    public void Start()
    {
        _started = true;
        foreach (HostThread thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>Lets every sleeping loop see what was enqueued for it.</summary>
    public void WakeAll()
    {
        foreach (EpollLoop loop in _loops)
        {
            loop.Wake();
        }
    }

    /// <summary>Stops the threads and closes what is open on the loops, without telling handlers.</summary>
    public void Dispose()
    {
        foreach (EpollLoop loop in _loops)
        {
            loop.Stop();
        }

        foreach (HostThread thread in _threads)
        {
            if (_started)
            {
                thread.StopAndJoin(5_000);
            }
        }

        foreach (EpollLoop loop in _loops)
        {
            loop.Dispose();
        }
    }
}
