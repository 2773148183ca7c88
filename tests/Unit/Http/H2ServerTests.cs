using EtcdAot.Http.H2;

namespace EtcdAot.Tests.Unit.Http;

/// <summary>Goal: the serving side talks HTTP/2 as api-v3 §1.3 tells of real servers. Method: each test is a transcript.
/// </summary>
public class H2ServerTests
{
    [Fact]
    public void TheServerSpeaksOnceThePrefaceIsComplete()
    {
        var h2 = new H2Transcript(start: false);
        h2.Send(H2Protocol.Preface[..23]);
        h2.ExpectNothing();
        h2.Send(H2Protocol.Preface[23..]);
        Assert.Equal("000500004000000400040000", Convert.ToHexStringLower(h2.Expect(FrameType.Settings, 0).Payload));
        Assert.Equal(2u * 1024 * 1024 - 65535, h2.Expect(FrameType.WindowUpdate, 0).Number);
        h2.SendSettings();
        h2.Expect(FrameType.Settings, 0, FrameFlags.Ack);
        h2.ExpectNothing();
    }

    [Fact]
    public void AWrongPrefaceIsClosedWithoutAWord()
    {
        var h2 = new H2Transcript(start: false);
        h2.Send("PRI * HTTP/1"u8);
        h2.ExpectNothing();
        Assert.True(h2.Wire.Closed);
        Assert.Equal(["closed"], h2.Events);
    }

    [Fact]
    public void APrefaceWithoutSettingsIsClosedAfterTwoMinutes()
    {
        var h2 = new H2Transcript(start: false);
        h2.Send(H2Protocol.Preface);
        h2.Loop.Advance(TimeSpan.FromSeconds(119));
        Assert.False(h2.Wire.Closed);
        h2.Loop.Advance(TimeSpan.FromSeconds(2));
        Assert.True(h2.Wire.Closed);
    }

    [Fact]
    public void AUnaryCallIsAnsweredInOneWake()
    {
        var h2 = new H2Transcript();
        h2.OnRequestDo = (_, handler, _) => handler.OnDataDo = (stream, data, end) =>
        {
            Assert.True(end);
            stream.Consume(data.Length);
            H2Transcript.Reply(stream, "answer");
        };
        for (uint id = 1; id < 7; id += 2)
        {
            h2.StartStream(id);
            h2.SendData(id, "question", end: true);
            h2.ExpectReply(id, "answer");
            h2.ExpectNothing();
        }

        Assert.Equal(0, h2.Connection.ActiveStreams);
        Assert.Equal(["1 request /p.S/M", "1 data question end"], h2.Events.Take(2));
    }

    [Fact]
    public void ARepeatedReplyCostsWhatTheOriginalsCosts()
    {
        var h2 = new H2Transcript();
        h2.OnRequestDo = (stream, _, _) => H2Transcript.Reply(stream, "");
        for (uint id = 1; id < 9; id += 2)
        {
            h2.StartStream(id, end: true);
            Frame headers = h2.Next();
            h2.ExpectData(id);
            Frame trailers = h2.Next();
            if (id > 1)
            {
                Assert.Equal((2, 2), (headers.Payload.Length, trailers.Payload.Length));
            }
        }
    }

    [Fact]
    public void BytesMayComeOneByOne()
    {
        var h2 = new H2Transcript();
        h2.OnRequestDo = (_, handler, _) => handler.OnDataDo = (stream, _, end) =>
        {
            if (end)
            {
                H2Transcript.Reply(stream, "x");
            }
        };
        byte[] all = [
            .. H2Transcript.MakeFrame(FrameType.Headers, FrameFlags.EndHeaders, 1, h2.Block(H2Transcript.Request())),
            .. H2Transcript.MakeFrame(FrameType.Data, FrameFlags.None, 1, new byte[300]),
            .. H2Transcript.MakeFrame(FrameType.Data, FrameFlags.EndStream, 1, "abc"u8)];
        foreach (byte b in all)
        {
            h2.Send([b]);
        }

        h2.ExpectReply(1, "x");
        Assert.Equal(["1 request /p.S/M", "1 data (300)", "1 data abc end"], h2.Events);
    }

    [Fact]
    public void AFinalAnswerBeforeTheRequestEndsIsFollowedByResetNoError()
    {
        var h2 = new H2Transcript();
        h2.OnRequestDo = (stream, _, _) => stream.SendHeaders(H2Transcript.Trailers, endOfStream: true);
        h2.StartStream(1);
        h2.ExpectHeaders(1, end: true);
        h2.ExpectReset(1, H2Error.NoError);
        h2.SendData(1, "late", end: true);
        h2.SendUInt32(FrameType.WindowUpdate, 1, 5);
        h2.SendUInt32(FrameType.RstStream, 1, 8);
        h2.ExpectAlive();
        Assert.Equal(["1 request /p.S/M"], h2.Events);
    }

    [Fact]
    public void ReplyWaitsForTheStreamsWindow()
    {
        var h2 = new H2Transcript();
        h2.SendSettings((SettingId.InitialWindowSize, 3));
        h2.Expect(FrameType.Settings, 0, FrameFlags.Ack);
        h2.OnRequestDo = (stream, _, _) => H2Transcript.Reply(stream, "abcdefgh");
        h2.StartStream(1, end: true);
        h2.ExpectHeaders(1);
        Assert.Equal("abc", h2.ExpectData(1));
        h2.ExpectNothing();
        Assert.Equal(5, h2.Streams[1].QueuedBytes);
        h2.SendUInt32(FrameType.WindowUpdate, 1, 4);
        Assert.Equal("defg", h2.ExpectData(1));
        h2.SendSettings((SettingId.InitialWindowSize, 4));
        h2.Expect(FrameType.Settings, 0, FrameFlags.Ack);
        Assert.Equal("h", h2.ExpectData(1));
        h2.ExpectHeaders(1, end: true);
        h2.ExpectNothing();
        Assert.Equal(0, h2.Connection.ActiveStreams);
    }

    [Fact]
    public void TheConnectionsWindowIsSharedInTurns()
    {
        var h2 = new H2Transcript();
        h2.SendSettings((SettingId.InitialWindowSize, 1_000_000));
        h2.Expect(FrameType.Settings, 0, FrameFlags.Ack);
        h2.StartStream(1);
        h2.StartStream(3);
        H2Transcript.Write(h2.Streams[1], new string('a', 100_000));
        for (int sent = 0; sent < 65535;)
        {
            sent += h2.ExpectData(1).Length;
        }

        H2Transcript.Write(h2.Streams[3], new string('b', 50_000));
        h2.ExpectNothing();
        h2.SendUInt32(FrameType.WindowUpdate, 0, 40_000);
        Assert.Equal(16384, h2.ExpectData(1).Length);
        Assert.Equal(16384, h2.ExpectData(3).Length);
        Assert.Equal(40_000 - 32768, h2.ExpectData(1).Length);
        h2.ExpectNothing();
        h2.SendUInt32(FrameType.WindowUpdate, 0, 1_000_000);
        int a = 0;
        int b = 0;
        while (h2.HasOutput)
        {
            Frame frame = h2.Next();
            a += frame.StreamId == 1 ? frame.Payload.Length : 0;
            b += frame.StreamId == 3 ? frame.Payload.Length : 0;
        }

        Assert.Equal((100_000 - 65535 - 16384 - 7232, 50_000 - 16384), (a, b));
        Assert.Equal(["1 request /p.S/M", "3 request /p.S/M", "1 writable", "3 writable"],
            h2.Events);
    }

    /// <summary>A peer with very many answers outstanding gives credit in drops: each drop costs a few turns, never a
    /// walk over all that wait for the connection's window or their own.</summary>
    [Theory]
    [InlineData(65535)] // the connection's window is what lacks
    [InlineData(0)] // each stream's own
    public void SmallCreditsDoNotWalkOverAllThatWait(int streamWindow)
    {
        const int Many = 1000;
        var h2 = new H2Transcript();
        h2.SendFrame(FrameType.Settings, FrameFlags.None, 0, [0, 4, 0, 0, (byte)(streamWindow >> 8), (byte)streamWindow]);
        for (uint id = 1; id < 2 * Many; id += 2)
        {
            h2.StartStream(id);
            h2.Streams[id].SendHeaders(H2Transcript.Ok, false);
            H2Transcript.Write(h2.Streams[id], new string('a', id == 1 ? 65535 : 100));
        }

        long before = h2.Connection.Turns;
        for (int i = 0; i < Many; i++)
        {
            h2.SendFrame(FrameType.WindowUpdate, FrameFlags.None, 0, [0, 0, 0, 1]);
        }

        Assert.InRange(h2.Connection.Turns - before, 0, 4 * Many);
    }

    [Fact]
    public void ACongestedTransportFillsTheStreamsQueueInstead()
    {
        var h2 = new H2Transcript();
        h2.StartStream(1);
        h2.Wire.Congested = true;
        h2.Streams[1].SendHeaders(H2Transcript.Ok, false);
        H2Transcript.Write(h2.Streams[1], "abc");
        h2.ExpectNothing();
        Assert.Equal(3, h2.Streams[1].QueuedBytes);
        h2.Wire.Congested = false;
        h2.Wire.Handler!.OnDrained();
        h2.ExpectHeaders(1);
        Assert.Equal("abc", h2.ExpectData(1));
        Assert.Contains("1 writable", h2.Events);
    }

    [Fact]
    public void TheConnectionIsCreditedByArrivalTheStreamByConsume()
    {
        var options = new H2Options { ConnectionWindow = 80_000, StreamWindow = 40_000 };
        var h2 = new H2Transcript(options);
        h2.StartStream(1);
        h2.SendData(1, new byte[10_000]);
        h2.ExpectNothing();
        h2.SendData(1, new byte[10_000]);
        Assert.Equal(20_000u, h2.Expect(FrameType.WindowUpdate, 0).Number);
        h2.Streams[1].Consume(9_000);
        h2.ExpectNothing();
        h2.Streams[1].Consume(11_000);
        Assert.Equal(20_000u, h2.Expect(FrameType.WindowUpdate, 1).Number);
    }

    [Fact]
    public void AnExpectedMessageOpensTheWindowOnceAndForIt()
    {
        var h2 = new H2Transcript(new H2Options { StreamWindow = 65535 });
        h2.StartStream(1);
        h2.SendData(1, new byte[5]);
        h2.Streams[1].ExpectMessage(1_500_000);
        Assert.Equal(1_500_000u - 65530, h2.Expect(FrameType.WindowUpdate, 1).Number);
        int sent = 0;
        for (; sent < 1_500_000; sent += 15_000)
        {
            h2.SendData(1, new byte[15_000]);
        }

        while (h2.HasOutput)
        {
            h2.Expect(FrameType.WindowUpdate, 0);
        }

        // The window never grows past its size by what is consumed later.
        h2.Streams[1].Consume(1_500_005);
        Assert.Equal(65535u, h2.Expect(FrameType.WindowUpdate, 1).Number);
        h2.SendData(1, new byte[16_384]);
        Assert.Equal("1 data (16384)", h2.Events[^1]);
    }

    [Fact]
    public void AnOverrunOfTheStreamsWindowResetsTheStream()
    {
        var h2 = new H2Transcript(new H2Options { StreamWindow = 65535 });
        h2.StartStream(1);
        for (int i = 0; i < 5; i++)
        {
            h2.SendData(1, new byte[16000]);
        }

        h2.ExpectReset(1, H2Error.FlowControlError);
        h2.ExpectAlive();
        Assert.Equal("1 reset 3", h2.Events[^1]);
    }

    [Fact]
    public void BeyondTheLimitStreamsAreRefusedAndAFreedSlotIsUsable()
    {
        var h2 = new H2Transcript(new H2Options { MaxConcurrentStreams = 2 });
        h2.StartStream(1);
        h2.StartStream(3);
        h2.StartStream(5);
        h2.ExpectReset(5, H2Error.RefusedStream);
        h2.SendData(5, "late");
        h2.SendUInt32(FrameType.RstStream, 1, H2Error.Cancel);
        h2.StartStream(7);
        h2.ExpectAlive();
        Assert.Equal(["1 request /p.S/M", "3 request /p.S/M", "1 reset 8", "7 request /p.S/M"], h2.Events);
    }

    [Fact]
    public void HeadersMaySpreadOverManyContinuations()
    {
        var h2 = new H2Transcript();
        byte[] block = h2.Block(H2Transcript.Request(("k", new string('v', 20_000))));
        h2.SendFrame(FrameType.Headers, FrameFlags.EndStream, 1, block.AsSpan(0, 10));
        for (int i = 0; i < 20_000; i++)
        {
            h2.SendFrame(FrameType.Continuation, FrameFlags.None, 1, []);
        }

        h2.SendFrame(FrameType.Continuation, FrameFlags.None, 1, block.AsSpan(10, 10_000));
        h2.SendFrame(FrameType.Continuation, FrameFlags.EndHeaders, 1, block.AsSpan(10_010));
        Assert.Equal(["1 request /p.S/M end"], h2.Events);
        h2.ExpectAlive();
    }

    [Fact]
    public void HeaderListsAreBounded()
    {
        var h2 = new H2Transcript(new H2Options { HeaderListMax = 2000 });
        h2.StartStream(1, headers: H2Transcript.Request(("k", new string('v', 2000))));
        h2.ExpectReset(1, H2Error.FrameSizeError);
        h2.ExpectAlive();
        h2.SendFrame(FrameType.Headers, FrameFlags.None, 3, new byte[2000]);
        h2.SendFrame(FrameType.Continuation, FrameFlags.None, 3, new byte[16000]);
        h2.SendFrame(FrameType.Continuation, FrameFlags.None, 3, new byte[1000]);
        h2.ExpectConnectionError(H2Error.ProtocolError);
        Assert.Equal(["closed"], h2.Events);
    }

    [Fact]
    public void AClientsSmallHeaderListLimitEndsTheCall()
    {
        var h2 = new H2Transcript();
        h2.SendSettings((SettingId.MaxHeaderListSize, 20));
        h2.Expect(FrameType.Settings, 0, FrameFlags.Ack);
        h2.StartStream(1);
        h2.Streams[1].SendHeaders(H2Transcript.Ok, false);
        h2.ExpectReset(1, H2Error.InternalError);
        h2.ExpectAlive();
    }

    [Fact]
    public void TheFourthQuickPingIsTooMany()
    {
        var h2 = new H2Transcript();
        for (int i = 0; i < 4; i++)
        {
            h2.SendPing();
            h2.Expect(FrameType.Ping, 0, FrameFlags.Ack);
        }

        h2.ExpectConnectionError(H2Error.EnhanceYourCalm, "too_many_pings");
    }

    [Fact]
    public void PingsAtTheAgreedPaceAndAfterAnswersAreFree()
    {
        var h2 = new H2Transcript();
        h2.StartStream(1);
        for (int i = 0; i < 20; i++)
        {
            h2.Loop.Advance(TimeSpan.FromSeconds(5));
            h2.SendPing();
        }

        for (int i = 0; i < 20; i++)
        {
            h2.SendPing();
            H2Transcript.Write(h2.Streams[1], "x");
        }

        Assert.False(h2.Connection.IsClosed);
    }

    [Fact]
    public void SilenceIsPingedAndThenClosed()
    {
        const long second = 1_000_000_000;
        var h2 = new H2Transcript(new H2Options { KeepAliveIntervalNanos = 2 * second, KeepAliveTimeoutNanos = 3 * second });
        h2.Loop.Advance(TimeSpan.FromSeconds(1.9));
        h2.ExpectNothing();
        h2.Loop.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(new byte[8], h2.Expect(FrameType.Ping, 0).Payload);
        h2.SendPing("0000000000000000", ack: true);
        h2.Loop.Advance(TimeSpan.FromSeconds(2.1));
        h2.Expect(FrameType.Ping, 0);
        h2.Loop.Advance(TimeSpan.FromSeconds(2.8));
        Assert.False(h2.Wire.Closed);
        h2.Loop.Advance(TimeSpan.FromSeconds(0.3));
        h2.ExpectNothing();
        Assert.True(h2.Wire.Closed);
    }

    [Fact]
    public void ShutdownLetsStreamsEnd()
    {
        var h2 = new H2Transcript();
        h2.StartStream(1);
        h2.Connection.Shutdown();
        h2.ExpectGoAway(0, "graceful_stop", last: int.MaxValue);
        Assert.Equal("0106010800030309", Convert.ToHexString(h2.Expect(FrameType.Ping, 0).Payload));
        h2.StartStream(3);
        h2.SendPing("0106010800030309", ack: true);
        h2.ExpectGoAway(0, "graceful_stop", last: 3);
        h2.StartStream(5);
        h2.SendData(5, "ignored");
        h2.ExpectNothing();
        H2Transcript.Reply(h2.Streams[1], "one");
        h2.ExpectReply(1, "one");
        h2.ExpectReset(1, 0);
        Assert.False(h2.Wire.Closed);
        H2Transcript.Reply(h2.Streams[3], "two");
        h2.ExpectReply(3, "two");
        h2.ExpectReset(3, 0);
        h2.Loop.Advance(TimeSpan.FromMilliseconds(1));
        h2.ExpectNothing();
        Assert.True(h2.Wire.Closed);
        Assert.Equal(["1 request /p.S/M", "3 request /p.S/M", "closed"], h2.Events);
    }

    [Fact]
    public void ShutdownDoesNotWaitForADeadClient()
    {
        var h2 = new H2Transcript();
        h2.Connection.Shutdown();
        h2.Loop.Advance(TimeSpan.FromSeconds(4.9));
        h2.ExpectGoAway(0, "graceful_stop");
        h2.Expect(FrameType.Ping, 0);
        h2.ExpectNothing();
        h2.Loop.Advance(TimeSpan.FromSeconds(0.2));
        h2.ExpectGoAway(0, "graceful_stop", last: 0);
        Assert.False(h2.Wire.Closed);
        h2.Loop.Advance(TimeSpan.FromSeconds(1));
        Assert.True(h2.Wire.Closed);
    }

    [Fact]
    public void AnEndlessFloodOfResetsIsCutABurstIsNot()
    {
        var h2 = new H2Transcript(new H2Options { ResetBurst = 1000 });
        uint id = 1;
        void Flood(int count)
        {
            for (int i = 0; i < count; i++, id += 2)
            {
                h2.StartStream(id);
                h2.SendUInt32(FrameType.RstStream, id, H2Error.Cancel);
            }
        }

        Flood(1000);
        h2.Loop.Advance(TimeSpan.FromSeconds(5));
        Flood(500);
        h2.ExpectAlive();
        h2.SendUInt32(FrameType.RstStream, 1, 0);
        h2.ExpectConnectionError(H2Error.EnhanceYourCalm);
    }

    [Fact]
    public void APeerThatDoesNotReadItsAnswersIsCut()
    {
        var h2 = new H2Transcript(new H2Options { AnswersUnreadMax = 100 });
        h2.Wire.Congested = true;
        for (int i = 0; i < 101 && !h2.Connection.IsClosed; i++)
        {
            h2.SendSettings();
        }

        Assert.True(h2.Wire.Aborted);
    }

    [Fact]
    public void ALostConnectionResetsEveryStreamOnce()
    {
        var h2 = new H2Transcript();
        for (uint id = 1; id < 100; id += 2)
        {
            h2.StartStream(id);
        }

        h2.Wire.PeerCloses();
        Assert.Equal(50, h2.Events.Count(e => e.EndsWith("reset 8 lost", StringComparison.Ordinal)));
        Assert.Equal("closed", h2.Events[^1]);
        H2Transcript.Write(h2.Streams[1], "into the void");
    }
}
