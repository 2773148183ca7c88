// Calls of simulated clients: awaited, but all on the one thread; an answer, a loss or a time limit continues the caller.
using EtcdAot.Tests.Simulation.Members;
using EtcdAot.Tests.Simulation.World;
using EtcdAot.Wire;
using Google.Protobuf;

namespace EtcdAot.Tests.Simulation.Clients;

/// <summary>What is known of an operation afterwards.</summary>
internal enum Outcome
{
    /// <summary>It took effect and this is its answer.</summary>
    Ok,

    /// <summary>It took no effect.</summary>
    Failed,

    /// <summary>Nobody knows.</summary>
    Unknown,
}

/// <summary>Answer of a call.</summary>
internal readonly record struct Reply(int Status, string Text, byte[] Body)
{
    /// <summary>No member took the connection.</summary>
    public const int Refused = -2;

    /// <summary>The client's own limit passed.</summary>
    public const int TimedOut = -3;

    public Outcome Outcome => Status switch
    {
        0 => Outcome.Ok,
        Refused or (int)RpcCode.InvalidArgument or (int)RpcCode.NotFound or (int)RpcCode.FailedPrecondition
            or (int)RpcCode.OutOfRange => Outcome.Failed,
        (int)RpcCode.Unknown when Text == EtcdError.TooManyRequests.Text => Outcome.Failed,
        _ => Outcome.Unknown,
    };

    public bool Ok => Status == 0;

    public T Read<T>(MessageParser<T> parser)
        where T : IMessage<T> => parser.ParseFrom(Body);
}

/// <summary>The network between clients and members.</summary>
internal sealed class ClientNetwork(World.World world, Dice dice)
{
    private const long UnaryLimit = 12 * World.World.Second;

    /// <summary>Machines that clients cannot reach until a time.</summary>
    public Dictionary<Machine, long> CutUntil { get; } = [];

    /// <summary>Opens a stream; null when nobody answers.</summary>
    public SimStream? Open(Machine machine, string path, IStreamClient client)
    {
        if (machine.Life is not { Server: not null } life || CutUntil.GetValueOrDefault(machine) > world.Now)
        {
            return null;
        }

        var stream = new SimStream(world, life, client, dice);
        stream.Begin(path);
        return stream;
    }

    /// <summary>A unary call.</summary>
    public Task<Reply> Call(Machine machine, string path, IMessage request)
    {
        var call = new Unary();
        if (Open(machine, path, call) is not { } stream)
        {
            world.After(dice.Spread(World.World.Millisecond, 50 * World.World.Millisecond),
                () => call.OnEnd(Reply.Refused, "connection refused"));
            return call.Answer;
        }

        stream.Send(request.ToByteArray(), last: true);
        world.After(UnaryLimit, () =>
        {
            if (!call.Answer.IsCompleted)
            {
                stream.Cancel();
                call.OnEnd(Reply.TimedOut, "client's limit");
            }
        });
        return call.Answer;
    }

    /// <summary>Cuts a machine off from its clients: streams are lost, new ones are refused until then.</summary>
    public void Cut(Machine machine, long until)
    {
        CutUntil[machine] = until;
        if (machine.Life is { } life)
        {
            machine.At(world.Now, life, life.Break);
        }
    }

    private sealed class Unary : IStreamClient
    {
        private readonly TaskCompletionSource<Reply> _answer = new();
        private byte[] _message = [];

        public Task<Reply> Answer => _answer.Task;

        public void OnMessage(ReadOnlySpan<byte> message) => _message = message.ToArray();

        public void OnEnd(int status, string message) => _answer.TrySetResult(new Reply(status, message, _message));
    }
}
