using EtcdAot.Mvcc;
using EtcdAot.Mvcc.Watch;
using EtcdAot.Server;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Unit.Server.Cluster;

/// <summary>A watcher of all keys on one life of a member, from a revision on: what it gets must be every revision once, in
/// order, whole.</summary>
internal sealed class Watching(EtcdServer server, int reader, long from) : IWatchSink
{
    private readonly WatchHub _hub = new();
    private bool _added;

    /// <summary>Set when it began behind a compaction.</summary>
    public bool MayMiss { get; init; }

    /// <summary>Revision that comes next.</summary>
    public long Next { get; private set; } = from;

    /// <summary>True when a compaction overtook it: it gets nothing any more.</summary>
    public bool WasOvertaken { get; private set; }

    public bool HasRoom => true;

    public void Step()
    {
        server.Readers.Enter(reader);
        View view = server.View;
        if (!_added)
        {
            _added = true;
            _ = _hub.Add(view, [0], [0], new WatchOptions { StartRevision = Next }, this);
        }

        _hub.Advance(view);
        if (_hub.NeedsStep)
        {
            _hub.Step(view);
        }

        server.Readers.Exit(reader);
    }

    public bool TryDeliver(Watcher watcher, in WatchBatch batch)
    {
        foreach (EtcdAot.Wire.Mvccpb.Event one in WatchResponse.Parser.ParseFrom(batch.Events).Events)
        {
            // Behind a compaction a watcher may find revisions gone that nobody can see any more.
            Assert.True(one.Kv.ModRevision == Next || (MayMiss && one.Kv.ModRevision > Next),
                $"revision {one.Kv.ModRevision} came where {Next} was due");
            Next = one.Kv.ModRevision + 1;
        }

        return true;
    }

    public void Compacted(Watcher watcher, long compactRevision)
    {
        Assert.True(compactRevision > Next, "only what was compacted is missed");
        WasOvertaken = true;
    }
}
