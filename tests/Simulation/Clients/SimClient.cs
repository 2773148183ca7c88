// A simulated client: does one thing after the other until the run ends. What its kinds share: time, calls, the record.
using System.Text;
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.Checkers;
using EtcdAot.Tests.Simulation.Members;
using EtcdAot.Tests.Simulation.World;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Simulation.Clients;

/// <summary>What clients share in one run.</summary>
internal sealed class ClientWorld(World.World world, ClientNetwork network, Machine[] machines, Evidence evidence)
{
    public World.World World => world;

    public ClientNetwork Network => network;

    public Machine[] Machines => machines;

    /// <summary>Where everything is recorded for the checkers.</summary>
    public Evidence Evidence => evidence;

    /// <summary>Mean pause between two operations of a client, nanoseconds.</summary>
    public long Pause { get; set; }

    /// <summary>Clients end after their present operation.</summary>
    public bool Stopping { get; set; }

    /// <summary>Numbers unique in the run.</summary>
    public long NextUnique() => ++_unique;

    private long _unique;
}

/// <summary>One client.</summary>
internal abstract class SimClient(ClientWorld shared, int number)
{
    protected ClientWorld Shared => shared;

    protected Dice Dice { get; } = shared.World.Dice.Fork();

    protected Evidence Evidence => shared.Evidence;

    protected long Now => shared.World.Now;

    /// <summary>Its number; for the trace.</summary>
    public int Number => number;

    /// <summary>Operations that succeeded.</summary>
    public long Succeeded { get; private set; }

    /// <summary>Ends when the client has ended; faulted by a broken promise.</summary>
    public Task Running { get; private set; } = Task.CompletedTask;

    public void Start() => Running = Loop();

    /// <summary>One operation.</summary>
    protected abstract Task Act();

    protected Task Sleep(long nanos)
    {
        var wake = new TaskCompletionSource();
        shared.World.After(nanos, wake.SetResult);
        return wake.Task;
    }

    /// <summary>A call to a drawn member.</summary>
    protected async Task<Reply> Call(string path, IMessage request)
    {
        Machine machine = shared.Machines[Dice.Below(shared.Machines.Length)];
        long began = Now;
        Reply reply = await shared.Network.Call(machine, path, request);
        Evidence.Count(path, reply.Outcome);
        if (shared.World.Trace.IsText)
        {
            shared.World.Trace.Say(Now, $"client {number} {began / 1e9:F6} {request} -> {reply.Status} {reply.Text} {Convert.ToHexStringLower(reply.Body)}");
        }

        Succeeded += reply.Ok ? 1 : 0;
        shared.World.Trace.Add(Now, path, ((ulong)(uint)reply.Status << 32) | (uint)number,
            Crc32C.Append(0, reply.Body) | ((ulong)(Now - began) << 32));
        return reply;
    }

    protected static ByteString Bytes(string text) => ByteString.CopyFrom(Encoding.Latin1.GetBytes(text));

    protected static string Text(ByteString bytes) => Encoding.Latin1.GetString(bytes.Span);

    protected static RangeRequest Prefix(string prefix) => new()
    {
        Key = Bytes(prefix),
        RangeEnd = Bytes(prefix[..^1] + (char)(prefix[^1] + 1)),
    };

    private async Task Loop()
    {
        while (!shared.Stopping)
        {
            await Sleep(1 + (long)(shared.Pause * 2 * Dice.Unit()));
            await Act();
        }
    }
}
