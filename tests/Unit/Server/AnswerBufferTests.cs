using EtcdAot.Server;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: an answer that is too long is counted to its true size and never kept, and one large answer does not keep
/// its room.</summary>
public class AnswerBufferTests
{
    [Fact]
    public void WhatIsOverTheLimitIsCountedAndNotKept()
    {
        var buffer = new AnswerBuffer { Limit = 100 };
        AnswerEncoding.Bytes(buffer, 2, new byte[50]);
        Assert.Equal(52, buffer.WrittenSpan.Length);
        Assert.False(buffer.IsOver);
        AnswerEncoding.Bytes(buffer, 2, new byte[47]);
        AnswerEncoding.NonZero(buffer, 4, 7);
        Assert.True(buffer.IsOver);
        Assert.Equal((52 + 49 + 2, 0), (buffer.Size, buffer.Capacity));
    }

    [Fact]
    public void AnInnerMessageThatIsOverMakesTheOuterOneOver()
    {
        var inner = new AnswerBuffer { Limit = 10 };
        AnswerEncoding.Bytes(inner, 1, new byte[20]);
        var outer = new AnswerBuffer { Limit = 1000 };
        AnswerEncoding.Message(outer, 3, inner);
        Assert.True(outer.IsOver);
        var other = new AnswerBuffer { Limit = 1000 };
        other.Append(inner);
        Assert.True(other.IsOver);
    }

    [Fact]
    public void OneLargeAnswerGivesItsRoomBack()
    {
        var buffer = new AnswerBuffer(1000);
        AnswerEncoding.Bytes(buffer, 1, new byte[500]);
        buffer.Reset();
        Assert.True(buffer.Capacity >= 500, "usual answers keep their room");
        AnswerEncoding.Bytes(buffer, 1, new byte[5000]);
        Assert.Equal(5003, buffer.WrittenSpan.Length);
        buffer.Reset();
        Assert.Equal((0, 0), (buffer.Size, buffer.Capacity));
    }
}
