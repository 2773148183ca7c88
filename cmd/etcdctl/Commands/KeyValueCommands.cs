// get, put, del, compaction (etcdctl §13). The first three make requests for txn as well. Each checks
// arguments first, then sets up the client, then asks.
using EtcdAot.Cmd.Etcdctl.Printing;
using EtcdAot.Observe;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using static EtcdAot.Cmd.Etcdctl.Commands.CommandTable;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Commands of single keys and ranges.</summary>
internal static class KeyValueCommands
{
    private static readonly ByteString Zero = ByteString.CopyFrom(0);

    public static Command Get => new()
    {
        Use = "get [options] <key> [range_end]",
        Brief = "Read a key or a range of keys",
        Flags =
        [
            Text("consistency", "l", "l for a linearizable read, s for a serializable one"),
            Text("order", "", "order of the result: ASCEND or DESCEND"),
            Text("sort-by", "", "sort by CREATE, KEY, MODIFY, VALUE or VERSION"),
            Int("limit", "largest number of keys, 0 for all"),
            Bool("prefix", "all keys that begin with the key"),
            Bool("from-key", "all keys that are equal to the key or greater"),
            Int("rev", "read as of this revision"),
            Bool("keys-only", "leave out the values"),
            Bool("count-only", "only count the keys"),
            Bool("print-value-only", "print values alone, in the simple format"),
        ],
        Run = RunGet,
    };

    public static Command Put => new()
    {
        Use = "put [options] <key> <value> (<value> can also be given from stdin)",
        Brief = "Write a key",
        Long = "Writes a value under a key. Without <value>, the whole of standard input is the value.\n\n" +
            "A value that begins with '-' has to stand behind '--':\n\n$ put <key> -- <value>",
        Flags =
        [
            Text("lease", "0", "lease (hexadecimal ID) to attach to the key"),
            Bool("prev-kv", "print the key as it was before"),
            Bool("ignore-value", "keep the present value"),
            Bool("ignore-lease", "keep the present lease"),
        ],
        Run = RunPut,
    };

    public static Command Del => new()
    {
        Use = "del [options] <key> [range_end]",
        Brief = "Delete a key or a range of keys",
        Flags =
        [
            Bool("prefix", "all keys that begin with the key"),
            Bool("prev-kv", "print the deleted keys"),
            Bool("from-key", "all keys that are equal to the key or greater"),
            Bool("range", "confirms that two words mean a range"),
        ],
        Run = RunDel,
    };

    public static Command Compaction => new()
    {
        Use = "compaction [options] <revision>",
        Brief = "Drop the history before a revision",
        Flags = [Bool("physical", "wait until the old revisions are removed from the file")],
        Run = RunCompaction,
    };

    /// <summary>The request that a get command line asks for.</summary>
    public static RangeRequest RangeOf(Invocation call)
    {
        if (call.Words.Count == 0)
        {
            throw BadArgs("get command needs one argument as key and an optional argument as range_end");
        }

        Exclude(call, "prefix", "from-key");
        Exclude(call, "keys-only", "count-only");
        var request = new RangeRequest
        {
            Serializable = call.Text("consistency") switch
            {
                "s" => true,
                "l" => false,
                string other => throw new CommandFailedException(ExitCode.BadFeature,
                    $"unknown consistency flag {GoQuote.Text(other)}"),
            },
            KeysOnly = call.Bool("keys-only"),
            CountOnly = call.Bool("count-only"),
            Limit = Math.Max(0, call.Int("limit")),
            Revision = Math.Max(0, call.Int("rev")),
        };
        (request.Key, request.RangeEnd) = Span(call);
        Sort(request, call.Text("order"), call.Text("sort-by"));
        return request;
    }

    /// <summary>The request that a put command line asks for; <paramref name="input"/> gives a missing
    /// value.</summary>
    public static PutRequest PutOf(Invocation call, Stream input)
    {
        const string Usage = "put command needs 1 argument and input from stdin or 2 arguments";
        if (call.Words.Count == 0)
        {
            throw BadArgs(Usage);
        }

        bool keep = call.Bool("ignore-value");
        if (keep && call.Words.Count > 1)
        {
            throw BadArgs("put command needs only 1 argument when 'ignore-value' is set");
        }

        ByteString value = ByteString.Empty;
        if (call.Words.Count > 1)
        {
            value = ByteString.CopyFromUtf8(call.Words[1]);
        }
        else if (!keep)
        {
            value = ByteString.FromStream(input);
            if (value.IsEmpty)
            {
                throw BadArgs(Usage);
            }
        }

        if (GoNumber.ParseInt(call.Text("lease"), 16, out long lease) is string bad)
        {
            throw BadArgs($"bad lease ID ({bad}), expecting ID in Hex");
        }

        return new PutRequest
        {
            Key = ByteString.CopyFromUtf8(call.Words[0]),
            Value = value,
            Lease = lease,
            PrevKv = call.Bool("prev-kv"),
            IgnoreValue = keep,
            IgnoreLease = call.Bool("ignore-lease"),
        };
    }

    /// <summary>The request that a del command line asks for.</summary>
    public static DeleteRangeRequest DeleteOf(Invocation call)
    {
        if (call.Words.Count is 0 or > 2)
        {
            throw BadArgs("del command needs one argument as key and an optional argument as range_end");
        }

        Exclude(call, "prefix", "from-key");
        var request = new DeleteRangeRequest { PrevKv = call.Bool("prev-kv") };
        (request.Key, request.RangeEnd) = Span(call);
        if (call.Words.Count == 2 && !call.Bool("range"))
        {
            call.Terminal.Error.Line(
                "In etcd v3.6, the operation will be suspended for a few seconds to provide " +
                "the user time to verify range.");
        }

        return request;
    }

    /// <summary>The first key that does not begin with <paramref name="prefix"/>; a single zero byte when
    /// every later key does.</summary>
    public static ByteString PrefixEnd(ByteString prefix)
    {
        byte[] end = prefix.ToByteArray();
        for (int i = end.Length - 1; i >= 0; i--)
        {
            if (end[i] < 0xff)
            {
                end[i]++;
                return ByteString.CopyFrom(end, 0, i + 1);
            }
        }

        return Zero;
    }

    internal static CommandFailedException BadArgs(string text) => new(ExitCode.BadArgs, text);

    private static int RunGet(Invocation call)
    {
        RangeRequest request = RangeOf(call);
        using Session session = Session.Open(call);
        RangeResponse reply = Session.Ask(() => session.Client.Kv.RangeAsync(request, session.Limited));
        if (call.Bool("count-only") && session.Printer is not FieldsPrinter)
        {
            throw BadArgs("--count-only is only for `--write-out=fields`");
        }

        if (call.Bool("print-value-only"))
        {
            if (session.Printer is not SimplePrinter simple)
            {
                throw BadArgs("print-value-only is only for `--write-out=simple`");
            }

            simple.ValueOnly = true;
        }

        session.Printer.Get(reply);
        return ExitCode.Success;
    }

    private static int RunPut(Invocation call)
    {
        PutRequest request = PutOf(call, call.Terminal.In);
        using Session session = Session.Open(call);
        session.Printer.Put(Session.Ask(() => session.Client.Kv.PutAsync(request, session.Limited)));
        return ExitCode.Success;
    }

    private static int RunDel(Invocation call)
    {
        DeleteRangeRequest request = DeleteOf(call);
        using Session session = Session.Open(call);
        session.Printer.Delete(Session.Ask(() =>
            session.Client.Kv.DeleteRangeAsync(request, session.Limited)));
        return ExitCode.Success;
    }

    private static int RunCompaction(Invocation call)
    {
        if (call.Words.Count != 1)
        {
            throw BadArgs("compaction command needs 1 argument");
        }

        if (GoNumber.ParseInt(call.Words[0], 10, out long revision) is string bad)
        {
            throw new CommandFailedException(ExitCode.Error, bad);
        }

        var request = new CompactionRequest { Revision = revision, Physical = call.Bool("physical") };
        using Session session = Session.Open(call);
        Session.Ask(() => session.Client.Kv.CompactAsync(request, session.Limited));
        session.Terminal.Out.Line($"compacted revision {revision}");
        return ExitCode.Success;
    }

    private static void Exclude(Invocation call, string one, string other)
    {
        if (call.Bool(one) && call.Bool(other))
        {
            throw BadArgs($"`--{one}` and `--{other}` cannot be set at the same time, choose one");
        }
    }

    private static (ByteString Key, ByteString End) Span(Invocation call)
    {
        var key = ByteString.CopyFromUtf8(call.Words[0]);
        bool prefix = call.Bool("prefix");
        if (prefix || call.Bool("from-key"))
        {
            if (call.Words.Count > 1)
            {
                throw BadArgs(
                    "too many arguments, only accept one argument when `--prefix` or `--from-key` is set");
            }

            return key.IsEmpty ? (Zero, Zero) : (key, prefix ? PrefixEnd(key) : Zero);
        }

        return (key, call.Words.Count > 1 ? ByteString.CopyFromUtf8(call.Words[1]) : ByteString.Empty);
    }

    private static void Sort(RangeRequest request, string order, string target)
    {
        request.SortOrder = order.ToUpperInvariant() switch
        {
            "" => RangeRequest.Types.SortOrder.None,
            "ASCEND" => RangeRequest.Types.SortOrder.Ascend,
            "DESCEND" => RangeRequest.Types.SortOrder.Descend,
            _ => throw new CommandFailedException(ExitCode.BadFeature, $"bad sort order {order}"),
        };
        request.SortTarget = target.ToUpperInvariant() switch
        {
            "" or "KEY" => RangeRequest.Types.SortTarget.Key,
            "CREATE" => RangeRequest.Types.SortTarget.Create,
            "MODIFY" => RangeRequest.Types.SortTarget.Mod,
            "VALUE" => RangeRequest.Types.SortTarget.Value,
            "VERSION" => RangeRequest.Types.SortTarget.Version,
            _ => throw new CommandFailedException(ExitCode.BadFeature, $"bad sort target {target}"),
        };
        if (request.SortTarget != RangeRequest.Types.SortTarget.Key &&
            request.SortOrder == RangeRequest.Types.SortOrder.None)
        {
            request.SortOrder = RangeRequest.Types.SortOrder.Ascend;
        }

        // The server's own order: asking for it would only cost a sort.
        if (request.SortTarget == RangeRequest.Types.SortTarget.Key &&
            request.SortOrder == RangeRequest.Types.SortOrder.Ascend)
        {
            request.SortOrder = RangeRequest.Types.SortOrder.None;
        }
    }
}
