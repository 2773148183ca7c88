// One gRPC stream between a client and a life: in order, delayed by the network, lost with the life or the connection.
// Messages are bytes as on the wire; below them is no HTTP.
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using EtcdAot.Http;
using EtcdAot.Net;
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation.Members;

/// <summary>What a client hears of its stream.</summary>
internal interface IStreamClient
{
    /// <summary>A message arrived.</summary>
    void OnMessage(ReadOnlySpan<byte> message);

    /// <summary>The stream ended with a status, or <see cref="SimStream.Lost"/>.</summary>
    void OnEnd(int status, string message);
}

/// <summary>A stream, both ends.</summary>
internal sealed class SimStream : HttpStream
{
    /// <summary>Status of a stream whose connection was lost: nobody knows what happened.</summary>
    public const int Lost = -1;

    private const uint ResetCode = 8; // CANCEL

    // A waiting byte counts as many: the bound of a stream's queue is met without megabytes of events.
    private const int QueuedWeight = 1024;

    private readonly World.World _world;
    private readonly Life _life;
    private readonly IStreamClient _client;
    private readonly Dice _dice;
    private readonly Path _transport;
    private readonly Queue<byte[]> _waiting = new();
    private readonly Queue<Action> _toServer = new();
    private IStreamHandler? _handler;
    private byte[] _open = [];
    private long _lastToServer;
    private long _lastToClient;
    private long _queued;

    // The member hears nothing more of a stream that it has ended or that was reset: its call object is another's by then.
    private bool _serverDone;
    private bool _clientDone;

    public SimStream(World.World world, Life life, IStreamClient client, Dice dice)
    {
        _world = world;
        _life = life;
        _client = client;
        _dice = dice;
        _transport = new Path(life.Loop!);
        life.Join(this);
    }

    public override uint Id => 1;

    public override Connection Transport => _transport;

    public override long QueuedBytes => _queued * QueuedWeight;

    /// <summary>True while the client does not read.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Client: begins a call.</summary>
    public void Begin(string path)
    {
        ToServer(() => _handler = _life.Services!.Grpc.OnRequest(this, new SimHeaders(path), endOfStream: false));
    }

    /// <summary>Client: sends a message.</summary>
    public void Send(byte[] message, bool last)
    {
        byte[] framed = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), message.Length);
        message.CopyTo(framed, 5);
        ToServer(() => _handler!.OnData(framed, last));
    }

    /// <summary>Client: gives the call up.</summary>
    public void Cancel()
    {
        _clientDone = true;
        ToServer(() => ResetCall(connectionLost: false));
        _life.Leave(this);
    }

    /// <summary>Client: stops reading, or reads on.</summary>
    public void Pause(bool paused)
    {
        IsPaused = paused;
        if (!paused)
        {
            ToServer(Drain);
        }
    }

    /// <summary>The connection is lost; the member hears of it at once, if it still lives.</summary>
    public void Lose()
    {
        if (!_serverDone && ReferenceEquals(_life.Machine.Life, _life))
        {
            ResetCall(connectionLost: true);
        }

        _serverDone = true;
        TellClient(_world.Now, Lost, "connection lost");
        _life.Leave(this);
    }

    public override void SendHeaders(HeaderSet fields, bool endOfStream)
    {
        if (endOfStream)
        {
            End(fields);
        }
    }

    public override Span<byte> BeginData(int length) => _open = new byte[length];

    public override void EndData(bool endOfStream)
    {
        if (_serverDone || _open.Length == 0)
        {
            return;
        }

        byte[] message = _open[5..];
        _open = [];
        if (IsPaused || _waiting.Count > 0)
        {
            _waiting.Enqueue(message);
            _queued += message.Length;
        }
        else
        {
            ToClient(message);
        }
    }

    public override void Consume(int bytes)
    {
    }

    public override void ExpectMessage(int bytes)
    {
    }

    public override void Reset(uint errorCode) => End(null);

    private void ResetCall(bool connectionLost)
    {
        _serverDone = true;
        _handler?.OnReset(ResetCode, connectionLost);
    }

    private void ToClient(byte[] message)
    {
        _lastToClient = Math.Max(_lastToClient + 1, _life.Machine.LocalNow + Delay());
        _world.At(_lastToClient, () =>
        {
            if (!_clientDone)
            {
                _client.OnMessage(message);
            }
        });
    }

    private void TellClient(long from, int status, string text)
    {
        _lastToClient = Math.Max(_lastToClient + 1, from + Delay());
        _world.At(_lastToClient, () =>
        {
            if (!_clientDone)
            {
                _clientDone = true;
                _client.OnEnd(status, text);
            }
        });
    }

    private void Drain()
    {
        while (!IsPaused && _waiting.TryDequeue(out byte[]? message))
        {
            _queued -= message.Length;
            ToClient(message);
        }

        if (_waiting.Count == 0)
        {
            _handler?.OnWritable();
        }
    }

    private void End(HeaderSet? trailers)
    {
        if (_serverDone)
        {
            return;
        }

        while (_waiting.TryDequeue(out byte[]? message))
        {
            ToClient(message);
        }

        _serverDone = true;
        _life.Leave(this);
        int status = Lost;
        string text = "reset";
        foreach ((byte[] name, byte[] value) in trailers?.Fields ?? [])
        {
            if (name.AsSpan().SequenceEqual("grpc-status"u8))
            {
                status = int.Parse(Encoding.ASCII.GetString(value), CultureInfo.InvariantCulture);
                text = status == 0 ? "" : text;
            }
            else if (name.AsSpan().SequenceEqual("grpc-message"u8))
            {
                text = Encoding.UTF8.GetString(value);
            }
        }

        TellClient(_life.Machine.LocalNow, status, text);
    }

    private void ToServer(Action what)
    {
        _lastToServer = Math.Max(_lastToServer, _world.Now + Delay());
        _toServer.Enqueue(what);

        // Each arrival takes the oldest: a machine that is busy may see arrivals in another order, the stream does not.
        Life life = _life;
        life.Machine.At(_lastToServer, life, () => life.Loop!.Post(new LoopAction(() =>
        {
            Action arrived = _toServer.Dequeue();
            if (!_serverDone)
            {
                arrived();
            }
        })));
    }

    private long Delay() => _dice.Spread(20 * World.World.Microsecond, 2 * World.World.Millisecond);

    private sealed class Path(SimLoop loop) : Connection
    {
        public override IoLoop Loop => loop;

        public override string RemoteAddress => "10.0.0.1:4711";

        public override long UnsentBytes => 0;

        public override bool IsCongested => false;

        public override Span<byte> GetSpan(int sizeHint = 0) => throw new NotSupportedException();

        public override Memory<byte> GetMemory(int sizeHint = 0) => throw new NotSupportedException();

        public override void Advance(int count) => throw new NotSupportedException();

        public override void Close(bool abort = false)
        {
        }
    }

    private sealed class SimHeaders(string path) : HeaderBlock
    {
        private readonly (byte[] Name, byte[] Value)[] _fields =
        [
            (":method"u8.ToArray(), "POST"u8.ToArray()),
            (":scheme"u8.ToArray(), "http"u8.ToArray()),
            (":path"u8.ToArray(), Encoding.ASCII.GetBytes(path)),
            (":authority"u8.ToArray(), "member"u8.ToArray()),
            ("content-type"u8.ToArray(), "application/grpc"u8.ToArray()),
        ];

        public override int Count => _fields.Length;

        public override ReadOnlySpan<byte> Name(int index) => _fields[index].Name;

        public override ReadOnlySpan<byte> Value(int index) => _fields[index].Value;
    }
}
