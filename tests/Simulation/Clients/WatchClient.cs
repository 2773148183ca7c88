// Watches a prefix from now or from a revision of the past, goes on behind the last event when the stream is lost, reads
// slowly at times. What it got is judged at the end of the run.
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Checkers;
using EtcdAot.Tests.Simulation.Members;
using EtcdAot.Tests.Simulation.World;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Simulation.Clients;

/// <summary>The watch workload.</summary>
internal sealed class WatchClient(ClientWorld shared, int number, Chronicle chronicle) : SimClient(shared, number)
{
    private static readonly string[] Prefixes = ["r/", "a/", "b/", "l/", "r/1", "a/0/"];

    protected override async Task Act()
    {
        string prefix = Dice.Of<string>(Prefixes);

        // The past is asked for without knowing what is compacted; the member says so.
        long start = Dice.Below(4) switch
        {
            0 => 0,
            1 => chronicle.Last + 1,
            _ => Dice.Between(Math.Max(1, chronicle.Last - 2000), chronicle.Last + 1),
        };
        var record = new WatchRecord(start, prefix);
        long end = Now + Dice.Spread(World.World.Second / 2, 60 * World.World.Second);
        while (Now < end && !Shared.Stopping && record.IsOpen)
        {
            await WatchOnce(record, prefix, end);
            await Sleep(Dice.Spread(World.World.Millisecond, World.World.Second));
        }

        if (record.Start > 0)
        {
            Evidence.Watches.Add(record);
        }
    }

    private async Task WatchOnce(WatchRecord record, string prefix, long end)
    {
        Machine machine = Shared.Machines[Dice.Below(Shared.Machines.Length)];
        var reader = new Reader(this, record);
        if (Shared.Network.Open(machine, "/etcdserverpb.Watch/Watch", reader) is not { } stream)
        {
            return;
        }

        RangeRequest range = Prefix(prefix);
        var create = new WatchCreateRequest
        {
            Key = range.Key,
            RangeEnd = range.RangeEnd,
            StartRevision = record.Start == 0 ? 0 : record.LastRevision + 1,
        };
        stream.Send(new WatchRequest { CreateRequest = create }.ToByteArray(), last: false);
        while (!reader.Ended && Now < end && !Shared.Stopping)
        {
            await Sleep(Dice.Spread(World.World.Millisecond * 50, World.World.Second * 3));
            if (reader.Ended)
            {
                break;
            }

            if (Dice.OneIn(3))
            {
                stream.Pause(!stream.IsPaused);
            }
            else if (Dice.OneIn(3))
            {
                stream.Send(new WatchRequest { ProgressRequest = new WatchProgressRequest() }.ToByteArray(), last: false);
            }
        }

        stream.Cancel();
    }

    private sealed class Reader(WatchClient client, WatchRecord record) : IStreamClient
    {
        public bool Ended { get; private set; }

        public void OnMessage(ReadOnlySpan<byte> message)
        {
            WatchResponse response = WatchResponse.Parser.ParseFrom(message);
            client.Shared.World.Trace.Add(client.Now, "watch", Crc32C.Append(0, message), (ulong)client.Number);
            if (response.Created && record.Start == 0)
            {
                record.Start = response.Header.Revision + 1;
            }

            if (response.Canceled)
            {
                Canceled(response);
                return;
            }

            var events = new List<WatchEvent>();
            foreach (Wire.Mvccpb.Event e in response.Events)
            {
                bool deleted = e.Type == Wire.Mvccpb.Event.Types.EventType.Delete;
                events.Add(new WatchEvent(e.Kv.ModRevision, Text(e.Kv.Key), deleted ? null : Text(e.Kv.Value),
                    e.Kv.CreateRevision, e.Kv.Version, e.Kv.Lease));
            }

            client.CountEvents(events.Count);
            record.Add(events, response.Header.Revision);
            if (response.Events.Count == 0 && !response.Created)
            {
                record.Progress(response.Header.Revision);
            }
        }

        public void OnEnd(int status, string message) => Ended = true;

        private void Canceled(WatchResponse response)
        {
            Ended = true;
            if (response.CompactRevision <= record.LastRevision)
            {
                throw new BrokenPromiseException($"a watcher that wanted {record.LastRevision + 1} was cancelled by a "
                    + $"compaction of {response.CompactRevision}: {response.CancelReason}");
            }

            record.IsOpen = false;
        }
    }

    private void CountEvents(int events)
    {
        Evidence.Counts["watch events"] = Evidence.Counts.GetValueOrDefault("watch events") + events;
    }
}
