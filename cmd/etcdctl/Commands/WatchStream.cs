// The one stream that all watches of a run share: creates them, hands out what comes, opens it again when the
// server is away. The thread in Run reads; others may add watches and ask for progress.
using EtcdAot.Client;
using EtcdAot.Wire.Etcdserverpb;
using Grpc.Core;
using Metadata = Grpc.Core.Metadata;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Watches over one stream (etcdctl §13).</summary>
internal sealed class WatchStream(EtcdClient client, Action<WatchLine, WatchResponse, string?> show)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    // A watch demands a leader, so that a cut-off member does not keep it waiting for ever.
    private static readonly Metadata Headers = new() { { "hasleader", "true" } };

    private readonly object _guard = new();
    private readonly List<Watcher> _watchers = [];
    private AsyncDuplexStreamingCall<WatchRequest, WatchResponse>? _call;
    private bool _progressIsOwed;

    /// <summary>Adds a watch; it is created at once when the stream stands.</summary>
    public void Add(WatchLine line)
    {
        lock (_guard)
        {
            var watcher = new Watcher(line);
            _watchers.Add(watcher);
            Send(new WatchRequest { CreateRequest = watcher.Request });
            Monitor.PulseAll(_guard);
        }
    }

    /// <summary>Asks the server how far the stream is.</summary>
    public void AskForProgress()
    {
        lock (_guard)
        {
            if (_watchers.Count > 0 && _call is null)
            {
                _progressIsOwed = true;
            }
            else if (_watchers.Count > 0)
            {
                Send(new WatchRequest { ProgressRequest = new WatchProgressRequest() });
            }
        }
    }

    /// <summary>Reads until no watch is left; waits for the first one.</summary>
    public void Run()
    {
        lock (_guard)
        {
            while (_watchers.Count == 0)
            {
                Monitor.Wait(_guard);
            }
        }

        while (true)
        {
            try
            {
                Open();
                while (_call!.ResponseStream.MoveNext(CancellationToken.None).GetAwaiter().GetResult())
                {
                    Take(_call.ResponseStream.Current);
                    lock (_guard)
                    {
                        if (_watchers.Count == 0)
                        {
                            return;
                        }
                    }
                }

                // The server ended the stream in order: it is opened again, but not in a tight loop.
                Thread.Sleep(Pause);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable
                && e.Status.Detail != "etcdserver: no leader")
            {
                Thread.Sleep(Pause);
            }
            catch (RpcException e)
            {
                End(Session.TextOf(e));
                return;
            }
        }
    }

    private void Open()
    {
        lock (_guard)
        {
            _call?.Dispose();
            _call = client.Watch.Watch(Headers);
            foreach (Watcher watcher in _watchers)
            {
                watcher.Id = -1;
                Send(new WatchRequest { CreateRequest = watcher.Request });
            }

            if (_progressIsOwed)
            {
                _progressIsOwed = false;
                Send(new WatchRequest { ProgressRequest = new WatchProgressRequest() });
            }
        }
    }

    // Writes one after the other; a broken stream shows at the reading end.
    private void Send(WatchRequest request)
    {
        try
        {
            _call?.RequestStream.WriteAsync(request).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // The reader opens the stream again and creates all watches.
        }
    }

    private void Take(WatchResponse reply)
    {
        List<Watcher> targets;
        lock (_guard)
        {
            if (reply.Created)
            {
                // Answers to creations come in the order of the requests.
                Watcher? waiting = _watchers.Find(w => w.Id < 0);
                if (waiting is not null)
                {
                    waiting.Id = reply.WatchId;
                    waiting.StartAt(reply.Header.Revision + 1);
                }

                if (!reply.Canceled)
                {
                    return;
                }

                targets = waiting is null ? [] : [waiting];
            }
            else
            {
                // Progress that was asked for carries the id -1 and is for every watch.
                targets = reply.WatchId == -1 ? [.. _watchers] : _watchers.FindAll(w =>
                    w.Id == reply.WatchId);
            }

            if (reply.Canceled || reply.CompactRevision != 0)
            {
                targets.ForEach(w => _watchers.Remove(w));
            }
        }

        string? reason = ReasonOf(reply);
        foreach (Watcher watcher in targets)
        {
            watcher.Passed(reply);
            show(watcher.Line, reply, reason);
        }
    }

    private static string? ReasonOf(WatchResponse reply)
    {
        if (reply.CompactRevision != 0)
        {
            reply.Canceled = true;
            return "etcdserver: mvcc: required revision has been compacted";
        }

        return !reply.Canceled ? null : reply.CancelReason.Length > 0
            ? reply.CancelReason
            : "etcdserver: mvcc: required revision is a future revision";
    }

    private void End(string reason)
    {
        List<Watcher> all;
        lock (_guard)
        {
            all = [.. _watchers];
            _watchers.Clear();
        }

        foreach (Watcher watcher in all)
        {
            show(watcher.Line, new WatchResponse { Header = new ResponseHeader(), Canceled = true }, reason);
        }
    }

    private sealed class Watcher(WatchLine line)
    {
        public WatchLine Line => line;

        public long Id { get; set; } = -1;

        /// <summary>What creates it, again after a break: from behind the last event.</summary>
        public WatchCreateRequest Request { get; } = line.Request.Clone();

        public void StartAt(long revision)
        {
            if (Request.StartRevision == 0)
            {
                Request.StartRevision = revision;
            }
        }

        public void Passed(WatchResponse reply)
        {
            if (reply.Events.Count > 0)
            {
                Request.StartRevision = reply.Events[^1].Kv.ModRevision + 1;
            }
        }
    }
}
