using EtcdAot.Http.H2;

namespace EtcdAot.Tests.Unit.Http;

/// <summary>Goal: each violation of api-v3 §1.3's table has the stricter of the safe answers. Method: one row, one
/// transcript: a stream 1 that runs, a stream 3 half-closed by the client, a stream 5 answered.</summary>
public class H2ViolationTests
{
    private static H2Transcript Opened()
    {
        var h2 = new H2Transcript();
        h2.StartStream(1);
        h2.StartStream(3, end: true);
        h2.StartStream(5, end: true);
        H2Transcript.Reply(h2.Streams[5], "");
        h2.ExpectReply(5, "");
        return h2;
    }

    /// <summary>type, flags, stream, payload → code of the GOAWAY.</summary>
    [Theory]
    [InlineData(0, 0, 7, "", 1)] // DATA, idle
    [InlineData(3, 0, 7, "00000008", 1)] // RST, idle
    [InlineData(8, 0, 7, "00000001", 1)] // WINDOW_UPDATE, idle
    [InlineData(8, 0, 2, "00000001", 1)] // … on an id that no client may use
    [InlineData(8, 0, 0, "00000000", 1)] // connection window by 0
    [InlineData(8, 0, 0, "7fffffff", 3)] // connection window above 2^31-1
    [InlineData(0, 0, 0, "", 1)] // DATA on stream 0
    [InlineData(1, 4, 0, "82", 1)] // HEADERS on stream 0
    [InlineData(2, 0, 0, "0000000000", 1)] // PRIORITY on stream 0
    [InlineData(3, 0, 0, "00000000", 1)] // RST on stream 0
    [InlineData(4, 0, 1, "", 1)] // SETTINGS on a stream
    [InlineData(6, 0, 1, "0000000000000000", 1)] // PING on a stream
    [InlineData(9, 4, 1, "", 1)] // CONTINUATION alone
    [InlineData(0, 8, 1, "0500", 1)] // DATA pad too long
    [InlineData(0, 8, 1, "", 1)] // DATA pad length missing
    [InlineData(1, 12, 7, "0582", 1)] // HEADERS pad too long
    [InlineData(2, 0, 1, "00000000", 6)] // PRIORITY length
    [InlineData(3, 0, 1, "0000", 6)] // RST length
    [InlineData(4, 0, 0, "00", 6)] // SETTINGS length
    [InlineData(4, 1, 0, "000000000000", 6)] // SETTINGS ack with payload
    [InlineData(6, 0, 0, "00", 6)] // PING length
    [InlineData(8, 0, 1, "00", 6)] // WINDOW_UPDATE length
    [InlineData(1, 36, 7, "00", 6)] // HEADERS too short for its priority
    [InlineData(1, 4, 7, "ff", 9)] // HPACK cut
    [InlineData(1, 4, 7, "fe", 9)] // index out of table
    [InlineData(4, 0, 0, "000200000002", 1)] // ENABLE_PUSH 2
    [InlineData(4, 0, 0, "000500000064", 1)] // MAX_FRAME_SIZE 100
    [InlineData(4, 0, 0, "000501000000", 1)] // MAX_FRAME_SIZE 2^24
    [InlineData(4, 0, 0, "000480000000", 3)] // INITIAL_WINDOW 2^31
    [InlineData(5, 4, 1, "0000000282", 1)] // PUSH_PROMISE
    public void EndTheConnection(int type, int flags, uint stream, string payload, uint code)
    {
        H2Transcript h2 = Opened();
        h2.SendFrame((FrameType)type, (FrameFlags)flags, stream, Convert.FromHexString(payload));
        h2.ExpectConnectionError(code);
        Assert.Contains("1 reset " + code + " lost", h2.Events);
        Assert.Contains("3 reset " + code + " lost", h2.Events);
        h2.Send("nothing is heard after the end"u8);
    }

    /// <summary>type, flags, stream, payload → code of the RST_STREAM; 99 for none at all.</summary>
    [Theory]
    [InlineData(0, 0, 3, "00", 5)] // DATA after END_STREAM, call running
    [InlineData(1, 5, 3, "82", 5)] // HEADERS after END_STREAM
    [InlineData(8, 0, 1, "00000000", 1)] // stream window by 0
    [InlineData(8, 0, 1, "7fffffff", 3)] // stream window above 2^31-1
    [InlineData(2, 0, 1, "0000000100", 1)] // PRIORITY on itself
    [InlineData(1, 4, 1, "", 1)] // trailers without END_STREAM
    [InlineData(1, 5, 1, "82", 1)] // pseudo header in trailers
    [InlineData(0, 0, 5, "00", 99)] // DATA on a closed stream
    [InlineData(3, 0, 5, "00000008", 99)] // RST there
    [InlineData(8, 0, 5, "00000001", 99)] // WINDOW_UPDATE there
    [InlineData(2, 0, 5, "0000000000", 99)] // PRIORITY there
    [InlineData(2, 0, 9, "0000000000", 99)] // PRIORITY on an idle stream
    [InlineData(200, 255, 1, "00", 99)] // unknown type
    [InlineData(4, 1, 0, "", 99)] // SETTINGS ack not owed
    [InlineData(6, 1, 0, "0000000000000000", 99)] // PING ack not owed
    [InlineData(0, 0xf6, 1, "", 99)] // unknown flags
    [InlineData(0, 8, 1, "0361000000", 99)] // padded DATA
    [InlineData(7, 0, 0, "0000000000000000", 99)] // GOAWAY of a client
    public void EndTheStreamAtMost(int type, int flags, uint stream, string payload, uint code)
    {
        H2Transcript h2 = Opened();
        h2.SendFrame((FrameType)type, (FrameFlags)flags, stream, Convert.FromHexString(payload));
        if (code != 99)
        {
            h2.ExpectReset(stream, code);
            Assert.Equal($"{stream} reset {code}", h2.Events[^1]);
        }

        h2.ExpectAlive();
        h2.StartStream(11);
        Assert.Contains("11 request /p.S/M", h2.Events);
    }

    [Fact]
    public void AnIllegalStreamIdIsToldInTheOriginalsWords()
    {
        H2Transcript h2 = Opened();
        byte[] block = h2.Block(H2Transcript.Request());
        h2.SendFrame(FrameType.Headers, FrameFlags.EndStream | FrameFlags.EndHeaders, 5, block);
        h2.ExpectConnectionError(1, "received an illegal stream id: 5. headers frame: "
            + $"[FrameHeader HEADERS flags=END_STREAM|END_HEADERS stream=5 len={block.Length}]");
    }

    [Fact]
    public void AFrameInsideAHeaderBlockEndsTheConnection()
    {
        H2Transcript h2 = Opened();
        h2.SendFrame(FrameType.Headers, FrameFlags.None, 7, [0x82]);
        h2.SendFrame((FrameType)200, FrameFlags.None, 7, []);
        h2.ExpectConnectionError(1);
    }

    [Fact]
    public void ALargeFrameEndsTheConnectionBeforeItsPayload()
    {
        H2Transcript h2 = Opened();
        h2.Send([0, 0x40, 1, 0, 0, 0, 0, 0, 1]);
        h2.ExpectConnectionError(6);
    }

    [Fact]
    public void TheFirstFrameIsSettings()
    {
        var h2 = new H2Transcript(start: false);
        h2.Send(H2Protocol.Preface);
        h2.Expect(FrameType.Settings, 0);
        h2.Expect(FrameType.WindowUpdate, 0);
        h2.SendPing();
        h2.ExpectConnectionError(1);
    }

    [Theory]
    [InlineData(":method|")]
    [InlineData(":scheme|")]
    [InlineData(":path|")]
    [InlineData(":path|:path=")]
    [InlineData("|:path=/x")] // twice
    [InlineData("|:status=200")]
    [InlineData("|:unknown=1")]
    [InlineData("|a=1,:late=1")]
    [InlineData("|Upper=1")]
    [InlineData("|b c=1")]
    [InlineData("|=1")]
    [InlineData("|v=a\nb")]
    [InlineData("|v=a\0b")]
    [InlineData("|v=a\rb")]
    [InlineData("|connection=close")]
    [InlineData("|content-length=x")]
    [InlineData("|content-length=-1")]
    public void BadRequestFieldsResetTheStream(string change)
    {
        string[] parts = change.Split('|');
        var fields = H2Transcript.Request().Fields
            .Select(f => (System.Text.Encoding.Latin1.GetString(f.Name), System.Text.Encoding.Latin1.GetString(f.Value)))
            .Where(f => f.Item1 != parts[0]).ToList();
        foreach (string add in parts[1].Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] pair = add.Split('=');
            fields.Add((pair[0], pair[1]));
        }

        H2Transcript h2 = Opened();
        h2.StartStream(7, headers: H2Transcript.Set([.. fields]));
        h2.ExpectReset(7, H2Error.ProtocolError);
        h2.ExpectAlive();
    }

    [Theory]
    [InlineData("te", "gzip")]
    [InlineData("keep-alive", "x")]
    [InlineData("transfer-encoding", "chunked")]
    [InlineData("upgrade", "h2c")]
    [InlineData("v", "\u0080\u00ff")]
    [InlineData("content-length", "3")]
    public void LaxRequestFieldsAreServed(string name, string value)
    {
        H2Transcript h2 = Opened();
        h2.StartStream(7, headers: H2Transcript.Request((name, value)));
        h2.SendData(7, "abc", end: true);
        Assert.Equal("7 data abc end", h2.Events[^1]);
        h2.ExpectAlive();
    }

    [Theory]
    [InlineData("ab")]
    [InlineData("abcd")]
    public void AWrongContentLengthResetsTheStream(string body)
    {
        H2Transcript h2 = Opened();
        h2.StartStream(7, headers: H2Transcript.Request(("content-length", "3")));
        h2.SendData(7, body, end: true);
        h2.ExpectReset(7, H2Error.ProtocolError);
        Assert.Equal("7 reset 1", h2.Events[^1]);
    }

    [Fact]
    public void TrailersOfAClientAreHeard()
    {
        H2Transcript h2 = Opened();
        h2.SendFrame(FrameType.Headers, FrameFlags.EndHeaders | FrameFlags.EndStream, 1, h2.Block(H2Transcript.Set(("t", "1"))));
        Assert.Equal("1 headers t=1 end", h2.Events[^1]);
        h2.ExpectAlive();
    }
}
