// A linearizable read of nothing: waits until everything committed before it is applied (7 s at most), for the pages that
// report whether the cluster works. Owned in turn: I/O thread → core → I/O thread.
using EtcdAot.Server;
using EtcdAot.Wire;

namespace EtcdAot.Api.Http;

/// <summary>One such read.</summary>
internal sealed class IndexRead : ReadWaiter
{
    private readonly Action<EtcdError?> _done;

    private IndexRead(Action<EtcdError?> done) => _done = done;

    /// <summary>Reads; the outcome comes at once or on the loop's thread.</summary>
    public static void Begin(EtcdServer server, ApiLoop home, Action<EtcdError?> done)
    {
        if (server.CanReadNow)
        {
            done(null);
            return;
        }

        home.AwaitIndex(new IndexRead(done));
    }

    public override void Run() => _done(Error);
}
