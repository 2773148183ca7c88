using System.Text;
using EtcdAot.Cmd.Etcdctl;
using EtcdAot.Cmd.Etcdctl.Printing;
using EtcdAot.Wire.Etcdserverpb;
using EtcdAot.Wire.Mvccpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Unit.Etcdctl;

/// <summary>Goal: replies print in each format as recorded runs of the original show them.</summary>
public class PrinterTests
{
    private static readonly ResponseHeader Header = new()
    {
        ClusterId = 1,
        MemberId = 2,
        Revision = 30,
        RaftTerm = 2
    };

    [Fact]
    public void JsonLeavesOutZeros()
    {
        var reply = new RangeResponse { Header = Header, Count = 3, More = true };
        reply.Kvs.Add(new KeyValue { Key = ByteString.CopyFromUtf8("a/1"), ModRevision = 5, Version = 1 });
        Assert.Equal(
            "{\"header\":{\"cluster_id\":1,\"member_id\":2,\"revision\":30,\"raft_term\":2},\"kvs\":[{\"key\":\"YS8x\"," +
            "\"mod_revision\":5,\"version\":1}],\"more\":true,\"count\":3}\n",
            Print("json", p => p.Get(reply)));
    }

    [Fact]
    public void JsonOfWatchKeepsAllOuterNames()
    {
        var reply = new WatchResponse
        {
            Header = new ResponseHeader { RaftTerm = 2 },
            CompactRevision = 35,
            Canceled = true
        };
        Assert.Equal(
            "{\"Header\":{\"raft_term\":2},\"Events\":[],\"CompactRevision\":35,\"Canceled\":true,\"Created\":false}\n",
            Print("json", p => p.Watch(reply)));
    }

    [Fact]
    public void JsonEscapesAsGoDoes()
    {
        string text = new GoJson().Value("<a>&\u2028\u0001\t\"\\é\u007f").ToString();
        Assert.Equal("\"\\u003ca\\u003e\\u0026\\u2028\\u0001\\t\\\"\\\\é\u007f\"", text);
    }

    [Fact]
    public void JsonOfLogLinesEscapesNoMoreThanItMust()
    {
        string text = new GoJson(isLog: true).Value("<nil>&\u2028\u0001\b\t\"\\é\u007f").ToString();
        Assert.Equal("\"<nil>&\u2028\\u0001\\u0008\\t\\\"\\\\é\u007f\"", text);
    }

    [Fact]
    public void SimpleWritesBytesAsTheyAre()
    {
        var reply = new PutResponse
        {
            PrevKv = new KeyValue
            {
                Key = ByteString.CopyFromUtf8("k"),
                Value = ByteString.CopyFrom(0xff)
            }
        };
        Assert.Equal([.. "OK\nk\n"u8, 0xff, (byte)'\n'], PrintBytes("simple", false, p => p.Put(reply)));
        Assert.Equal("OK\n\\x6b\n\\xff\n"u8.ToArray(), PrintBytes("simple", true, p => p.Put(reply)));
    }

    [Fact]
    public void FieldsQuoteAsGoDoes()
    {
        var reply = new DeleteRangeResponse { Header = Header, Deleted = 1 };
        reply.PrevKvs.Add(new KeyValue { Key = ByteString.CopyFrom(0xff, 10), Lease = 7 });
        Assert.Equal(
            "\"ClusterID\" : 1\n\"MemberID\" : 2\n\"Revision\" : 30\n\"RaftTerm\" : 2\n\"Deleted\" : 1\n" +
            "\"PrevKey\" : \"\\xff\\n\"\n\"PrevCreateRevision\" : 0\n\"PrevModRevision\" : 0\n\"PrevVersion\" : 0\n" +
            "\"PrevValue\" : \"\"\n\"PrevLease\" : 7\n",
            Print("fields", p => p.Delete(reply)));
    }

    [Fact]
    public void UnknownRepliesAreRefusedByName()
    {
        CommandFailedException failed = Assert.Throws<CommandFailedException>(
            () => Print("table", p => p.Put(new PutResponse())));
        Assert.Equal((4, "table not supported as output format"), (failed.Code, failed.Message));
    }

    [Fact]
    public void TablesWrapLongCellsAtBlanks()
    {
        string table = TablePrinter.Draw(["ID", "ERRORS"], [["ab", "memberID:1553488892 alarm:NOSPACE "]]);
        Assert.Equal(
            "+----+--------------------------------+\n" +
            "| ID |             ERRORS             |\n" +
            "+----+--------------------------------+\n" +
            "| ab |            memberID:1553488892 |\n" +
            "|    |                 alarm:NOSPACE  |\n" +
            "+----+--------------------------------+\n",
            table);
    }

    [Fact]
    public void ATableWithoutRowsHasTwoRulesBelowItsHead()
    {
        Assert.Equal("+---+\n| A |\n+---+\n+---+\n", TablePrinter.Draw(["A"], []));
    }

    [Theory]
    [InlineData(7, "7 B")]
    [InlineData(20480, "20 kB")]
    [InlineData(24576, "25 kB")]
    [InlineData(3_000_000, "3.0 MB")]
    [InlineData(5_038_080, "5.0 MB")]
    [InlineData(2_147_483_648, "2.1 GB")]
    [InlineData(9_960_000, "10 MB")]
    public void SizesAreInPowersOfAThousand(long bytes, string expected)
    {
        Assert.Equal(expected, Rows.Size(bytes));
    }

    private static string Print(string format, Action<Printer> print)
    {
        return Encoding.UTF8.GetString(PrintBytes(format, false, print));
    }

    private static byte[] PrintBytes(string format, bool hex, Action<Printer> print)
    {
        using var output = new MemoryStream();
        print(Printer.Create(format, hex, new Terminal(Stream.Null, output, Stream.Null)));
        return output.ToArray();
    }
}
