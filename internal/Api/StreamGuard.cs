// Ends the streams that want a leader (metadata hasleader) once there has been none for three election timeouts (spec
// cluster §5.5). Looks only while there are such streams. Owned by: one I/O thread.
using EtcdAot.Grpc;
using EtcdAot.Net;
using EtcdAot.Server;
using EtcdAot.Wire;

namespace EtcdAot.Api;

/// <summary>The streams of a loop that want a leader.</summary>
internal sealed class StreamGuard(EtcdServer server, IoLoop loop) : ILoopWork
{
    private const int LooksWithoutLeader = 3;

    private readonly List<(Call Call, uint Generation)> _streams = [];
    private bool _isScheduled;
    private int _without;

    /// <summary>Watches over a stream until it ends.</summary>
    public void Add(Call call)
    {
        _streams.Add((call, call.Generation));
        Schedule();
    }

    /// <summary>An election timeout has passed.</summary>
    public void Run()
    {
        _isScheduled = false;
        _streams.RemoveAll(static s => s.Call.Generation != s.Generation || s.Call.IsEnded);
        _without = server.Status.Leader == 0 ? _without + 1 : 0;
        if (_without >= LooksWithoutLeader)
        {
            (Call Call, uint Generation)[] ended = [.. _streams];
            _streams.Clear();
            foreach ((Call call, uint generation) in ended)
            {
                if (call.Generation == generation && !call.IsEnded)
                {
                    call.Break(Status.From(EtcdError.NoLeader));
                }
            }
        }

        if (_streams.Count > 0)
        {
            Schedule();
        }
    }

    private void Schedule()
    {
        if (!_isScheduled)
        {
            _isScheduled = true;
            _ = loop.Schedule(loop.NowNanos + (server.Options.ElectionMillis * 1_000_000L), this);
        }
    }
}
