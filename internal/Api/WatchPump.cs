// Drives the watchers of one I/O thread: hears of publications while there are watchers, advances the hub before every
// read, and catches those up that are behind, a bounded step each wake. Owned by: that I/O thread.
using EtcdAot.Mvcc;
using EtcdAot.Mvcc.Watch;
using EtcdAot.Net;
using EtcdAot.Server;

namespace EtcdAot.Api;

/// <summary>Watch hub of a loop with what moves it.</summary>
internal sealed class WatchPump : ViewListener
{
    private readonly EtcdServer _server;
    private readonly ApiLoop _home;
    private readonly CatchUp _catchUp;
    private bool _listens;
    private bool _stepPosted;

    public WatchPump(EtcdServer server, ApiLoop home)
    {
        _server = server;
        _home = home;
        _catchUp = new CatchUp(this);
    }

    public WatchHub Hub { get; } = new();

    public override IoLoop Loop => _home.Loop;

    /// <summary>To be called before the view is taken that a watcher is added to.</summary>
    public void Listen()
    {
        if (!_listens)
        {
            _listens = true;
            _server.Listen(this);
        }
    }

    /// <summary>Queues what the view holds to the synced watchers; the loop is reading.</summary>
    public void Advance(View view)
    {
        Hub.Advance(view);
        Settle();
    }

    /// <summary>A stream has room again.</summary>
    public void Resume()
    {
        Hub.Resume();
        Settle();
    }

    /// <summary>To be called after watchers were added or removed.</summary>
    public void Settle()
    {
        if (Hub.NeedsStep && !_stepPosted)
        {
            _stepPosted = true;
            Loop.Post(_catchUp);
        }
    }

    /// <summary>To be called when a stream has given watchers up: a loop without any is not woken.</summary>
    public void StopListeningWhenEmpty()
    {
        if (_listens && Hub.Count == 0)
        {
            _listens = false;
            _server.Unlisten(this);
        }
    }

    protected override void OnPublished()
    {
        _home.BeginRead();
        _home.EndRead();
    }

    private void Step()
    {
        _stepPosted = false;
        View view = _home.BeginRead();
        Hub.Step(view);
        _home.EndRead();
        Settle();
    }

    private sealed class CatchUp(WatchPump pump) : ILoopWork
    {
        public void Run() => pump.Step();
    }
}
