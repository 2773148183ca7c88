using System.Buffers.Binary;
using System.Text;
using EtcdAot.Http;
using EtcdAot.Http.H2;
using EtcdAot.Http.Hpack;

namespace EtcdAot.Tests.Unit.Http;

/// <summary>A frame as the test sees it.</summary>
internal sealed record Frame(FrameType Type, FrameFlags Flags, uint StreamId, byte[] Payload)
{
    public bool EndStream => (Flags & FrameFlags.EndStream) != FrameFlags.None;

    public uint Number => BinaryPrimitives.ReadUInt32BigEndian(Payload);
}

/// <summary>Records what a handler hears, a line each.</summary>
internal sealed class RecordingHandler(string name, List<string> events) : IStreamHandler
{
    public HttpStream? Stream { get; set; }

    public Action<HttpStream, byte[], bool>? OnDataDo { get; set; }

    public Action? OnWritableDo { get; set; }

    public static string Describe(HeaderBlock headers)
    {
        var text = new StringBuilder();
        for (int i = 0; i < headers.Count; i++)
        {
            text.Append(i == 0 ? "" : ", ").Append(Encoding.Latin1.GetString(headers.Name(i))).Append('=')
                .Append(Encoding.Latin1.GetString(headers.Value(i)));
        }

        return text.ToString();
    }

    public void OnHeaders(HeaderBlock headers, bool endOfStream)
    {
        events.Add($"{name} headers {Describe(headers)}{(endOfStream ? " end" : "")}");
    }

    public void OnData(ReadOnlySpan<byte> data, bool endOfStream)
    {
        string text = data.Length > 40 ? $"({data.Length})" : Encoding.Latin1.GetString(data);
        events.Add($"{name} data {text}{(endOfStream ? " end" : "")}");
        OnDataDo?.Invoke(Stream!, data.ToArray(), endOfStream);
    }

    public void OnReset(uint errorCode, bool connectionLost)
    {
        events.Add($"{name} reset {errorCode}{(connectionLost ? " lost" : "")}");
    }

    public void OnWritable()
    {
        events.Add($"{name} writable");
        OnWritableDo?.Invoke();
    }
}

/// <summary>A server connection under test and the client's side of the talk, in frames.</summary>
internal sealed class H2Transcript : IStreamAcceptor, IH2Events
{
    public static readonly HeaderSet Ok = Set((":status", "200"), ("content-type", "application/grpc"));
    public static readonly HeaderSet Trailers = Set(("grpc-status", "0"), ("grpc-message", ""));

    private readonly HpackEncoder _encoder = new();
    private readonly HpackDecoder _decoder = new(4096, 1 << 20);
    private readonly Queue<Frame> _frames = new();

    public H2Transcript(H2Options? options = null, bool start = true)
    {
        Wire = new FakeConnection(Loop);
        Connection = H2Connection.Server(Wire, this, options ?? new H2Options(), this);
        if (start)
        {
            Send(H2Protocol.Preface);
            SendSettings();
            SendFrame(FrameType.Settings, FrameFlags.Ack, 0, []);
            Assert.Equal(FrameType.Settings, Next().Type);
            Assert.Equal(FrameType.WindowUpdate, Next().Type);
            Expect(FrameType.Settings, 0, FrameFlags.Ack);
        }
    }

    public FakeLoop Loop { get; } = new();

    public FakeConnection Wire { get; }

    public H2Connection Connection { get; }

    public List<string> Events { get; } = [];

    public Dictionary<uint, HttpStream> Streams { get; } = [];

    public Dictionary<uint, RecordingHandler> Handlers { get; } = [];

    public Action<HttpStream, RecordingHandler, bool>? OnRequestDo { get; set; }

    public static HeaderSet Set(params (string Name, string Value)[] fields)
    {
        return new HeaderSet([.. fields.Select(f => (Encoding.Latin1.GetBytes(f.Name), Encoding.Latin1.GetBytes(f.Value)))]);
    }

    public static HeaderSet Request(params (string Name, string Value)[] more)
    {
        return Set([(":method", "POST"), (":scheme", "http"), (":path", "/p.S/M"), (":authority", "a"), .. more]);
    }

    public IStreamHandler OnRequest(HttpStream stream, HeaderBlock headers, bool endOfStream)
    {
        headers.TryGet(":path"u8, out ReadOnlySpan<byte> path);
        Events.Add($"{stream.Id} request {Encoding.ASCII.GetString(path)}{(endOfStream ? " end" : "")}");
        var handler = new RecordingHandler(stream.Id.ToString(), Events) { Stream = stream };
        Streams[stream.Id] = stream;
        Handlers[stream.Id] = handler;
        OnRequestDo?.Invoke(stream, handler, endOfStream);
        return handler;
    }

    public void OnClosed(EtcdAot.Sys.Errno reason) => Events.Add("closed");

    // --- what the client sends ---
    public void Send(ReadOnlySpan<byte> bytes) => Wire.Feed(bytes);

    public void SendFrame(FrameType type, FrameFlags flags, uint streamId, ReadOnlySpan<byte> payload)
    {
        Wire.Feed(MakeFrame(type, flags, streamId, payload));
    }

    public static byte[] MakeFrame(FrameType type, FrameFlags flags, uint streamId, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[9 + payload.Length];
        FrameWriter.Header(frame, payload.Length, type, flags, streamId);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    public byte[] Block(HeaderSet set)
    {
        var block = new byte[set.EncodedSizeMax];
        return block[.._encoder.Encode(set, block)];
    }

    public void StartStream(uint id, bool end = false, HeaderSet? headers = null)
    {
        FrameFlags flags = FrameFlags.EndHeaders | (end ? FrameFlags.EndStream : FrameFlags.None);
        SendFrame(FrameType.Headers, flags, id, Block(headers ?? Request()));
    }

    public void SendData(uint id, string text, bool end = false) => SendData(id, Encoding.Latin1.GetBytes(text), end);

    public void SendData(uint id, byte[] data, bool end = false)
    {
        SendFrame(FrameType.Data, end ? FrameFlags.EndStream : FrameFlags.None, id, data);
    }

    public void SendSettings(params (SettingId Id, uint Value)[] settings)
    {
        var payload = new byte[settings.Length * 6];
        for (int i = 0; i < settings.Length; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(i * 6), (ushort)settings[i].Id);
            BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan((i * 6) + 2), settings[i].Value);
        }

        SendFrame(FrameType.Settings, FrameFlags.None, 0, payload);
    }

    public void SendUInt32(FrameType type, uint id, uint value)
    {
        var payload = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(payload, value);
        SendFrame(type, FrameFlags.None, id, payload);
    }

    public void SendPing(string hex = "0000000000000001", bool ack = false)
    {
        SendFrame(FrameType.Ping, ack ? FrameFlags.Ack : FrameFlags.None, 0, Convert.FromHexString(hex));
    }

    // --- what the server sent ---
    public static IEnumerable<Frame> Parse(byte[] bytes)
    {
        for (int at = 0; at < bytes.Length;)
        {
            int length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
            uint id = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at + 5));
            yield return new Frame((FrameType)bytes[at + 3], (FrameFlags)bytes[at + 4], id,
                bytes.AsSpan(at + 9, length).ToArray());
            at += 9 + length;
        }
    }

    public bool HasOutput
    {
        get
        {
            foreach (Frame frame in Parse(Wire.TakeOutput()))
            {
                _frames.Enqueue(frame);
            }

            return _frames.Count > 0;
        }
    }

    public Frame Next()
    {
        Assert.True(HasOutput, "a frame was expected, nothing was sent");
        return _frames.Dequeue();
    }

    public void ExpectNothing()
    {
        Assert.False(HasOutput, HasOutput ? $"nothing was expected, but {_frames.Peek()}" : "");
    }

    public Frame Expect(FrameType type, uint streamId, FrameFlags flags = FrameFlags.None)
    {
        Frame frame = Next();
        Assert.Equal((type, streamId, flags), (frame.Type, frame.StreamId, frame.Flags));
        return frame;
    }

    public string ExpectHeaders(uint streamId, bool end = false)
    {
        Frame frame = Expect(FrameType.Headers, streamId, FrameFlags.EndHeaders | (end ? FrameFlags.EndStream : FrameFlags.None));
        Assert.Equal(HpackResult.Ok, _decoder.Decode(frame.Payload));
        return RecordingHandler.Describe(_decoder.Headers);
    }

    public string ExpectData(uint streamId, bool end = false)
    {
        return Encoding.Latin1.GetString(Expect(FrameType.Data, streamId, end ? FrameFlags.EndStream : FrameFlags.None).Payload);
    }

    public void ExpectReset(uint streamId, uint code)
    {
        Assert.Equal(code, Expect(FrameType.RstStream, streamId).Number);
    }

    public void ExpectGoAway(uint code, string debug = "", uint? last = null)
    {
        Frame frame = Expect(FrameType.GoAway, 0);
        Assert.Equal(code, BinaryPrimitives.ReadUInt32BigEndian(frame.Payload.AsSpan(4)));
        Assert.Equal(debug, Encoding.ASCII.GetString(frame.Payload.AsSpan(8)));
        Assert.Equal(last ?? frame.Number, frame.Number);
    }

    public void ExpectConnectionError(uint code, string debug = "")
    {
        ExpectGoAway(code, debug);
        ExpectNothing();
        Assert.True(Wire.Closed);
        Assert.True(Connection.IsClosed);
    }

    public void ExpectAlive()
    {
        ExpectNothing();
        Assert.False(Wire.Closed);
        SendPing("00112233445566ff");
        Assert.Equal("00112233445566FF", Convert.ToHexString(Expect(FrameType.Ping, 0, FrameFlags.Ack).Payload));
    }

    public static void Write(HttpStream stream, string text, bool end = false)
    {
        Encoding.Latin1.GetBytes(text, stream.BeginData(text.Length));
        stream.EndData(end);
    }

    public static void Reply(HttpStream stream, string text)
    {
        stream.SendHeaders(Ok, endOfStream: false);
        Write(stream, text);
        stream.SendHeaders(Trailers, endOfStream: true);
    }

    public void ExpectReply(uint streamId, string text)
    {
        Assert.Equal(":status=200, content-type=application/grpc", ExpectHeaders(streamId));
        Assert.Equal(text, ExpectData(streamId));
        Assert.Equal("grpc-status=0, grpc-message=", ExpectHeaders(streamId, end: true));
    }
}
