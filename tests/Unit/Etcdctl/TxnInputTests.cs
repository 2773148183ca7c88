using System.Text;
using EtcdAot.Cmd.Etcdctl;
using EtcdAot.Cmd.Etcdctl.Commands;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Tests.Unit.Etcdctl;

/// <summary>Goal: comparisons and operations of txn are read as the original reads them. Errors are from
/// recorded runs.</summary>
public class TxnInputTests
{
    [Theory]
    [InlineData("bogus", "malformed comparison: bogus")]
    [InlineData("mod(a) = \"1\"", "malformed comparison: mod(a) = \"1\"; got mod(\"\")  \"\"")]
    [InlineData("mod(\"a\") = 1", "malformed comparison: mod(\"a\") = 1; got mod(\"a\") = \"\"")]
    [InlineData("value(\"a/1\")=\"uno\"",
        "malformed comparison: value(\"a/1\")=\"uno\"; got value(\"a/1\")  \"\"")]
    [InlineData("size(\"a\") = \"1\"", "malformed comparison: size(\"a\") = \"1\" (unknown target size)")]
    [InlineData("mod(\"a\") = \"x\"", "invalid txn compare request: mod(\"a\") = \"x\"")]
    public void BadComparisonsEndWithThree(string line, string expected)
    {
        CommandFailedException failed = Assert.Throws<CommandFailedException>(() =>
            TxnComparison.Parse(line));
        Assert.Equal((ExitCode.InvalidInput, expected), (failed.Code, failed.Message));
    }

    [Theory]
    [InlineData("mod(\"a\") >= \"1\"")]
    [InlineData("lease(\"a\") = \"0\"")]
    public void WhatCrashesTheOriginalIsRefused(string line)
    {
        CommandFailedException failed = Assert.Throws<CommandFailedException>(() =>
            TxnComparison.Parse(line));
        Assert.Equal(ExitCode.Error, failed.Code);
        Assert.Contains(line, failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ComparisonsKeepTheirParts()
    {
        Compare compare = TxnComparison.Parse("val(\"a\\n\") != `x`");
        Assert.Equal(Compare.Types.CompareTarget.Value, compare.Target);
        Assert.Equal(Compare.Types.CompareResult.NotEqual, compare.Result);
        Assert.Equal("a\n", compare.Key.ToStringUtf8());
        Assert.Equal("x", compare.Value.ToStringUtf8());
        Assert.Equal(7, TxnComparison.Parse("c(\"a\") < \"7\"").CreateRevision);
    }

    [Theory]
    [InlineData("put t 'a b' c", "put", "t", "a b", "c")]
    [InlineData("put \"t 5\" \"\\u00e9\\\"\"", "put", "t 5", "é\"")]
    [InlineData("put t5 a\"b\"c", "put", "t5", "a\"b\"c")]
    [InlineData("put t5 \"open end", "put", "t5", "open end")]
    [InlineData("  ")]
    public void LinesSplitIntoWords(string line, params string[] expected)
    {
        Assert.Equal(expected, Words.Split(line));
    }

    [Fact]
    public void OperationsTakeTheirOptionsButNoGlobalOnes()
    {
        using var error = new MemoryStream();
        var terminal = new Terminal(Stream.Null, Stream.Null, error);
        RequestOp get = TxnCommand.Operation("g a/ --prefix", terminal);
        Assert.Equal("a0", get.RequestRange.RangeEnd.ToStringUtf8());
        CommandFailedException failed = Assert.Throws<CommandFailedException>(
            () => TxnCommand.Operation("get a -w=json", terminal));
        Assert.Equal("invalid txn request: get a -w=json", failed.Message);
        string usage = Encoding.UTF8.GetString(error.ToArray());
        Assert.StartsWith("Usage:\n   get [options] <key> [range_end] [flags]\n\nFlags:\n" +
            "      --consistency string   l for", usage, StringComparison.Ordinal);
        Assert.Contains(" (default \"l\")\n", usage, StringComparison.Ordinal);
    }

    [Fact]
    public void ThePrefixEndSkipsFullBytes()
    {
        static string End(params byte[] prefix) => Convert.ToHexString(
            KeyValueCommands.PrefixEnd(Google.Protobuf.ByteString.CopyFrom(prefix)).Span);
        Assert.Equal("62", End(0x61));
        Assert.Equal("62", End(0x61, 0xff));
        Assert.Equal("00", End(0xff, 0xff));
    }
}
