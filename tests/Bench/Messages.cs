// Pre-encoded requests: one array per client, of which only digits change from call to call. Built by the generated
// messages once. Owned by: one client.
using System.Globalization;
using System.Text;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Bench;

/// <summary>Paths of the calls.</summary>
internal static class Methods
{
    internal static readonly Method Put = new("/etcdserverpb.KV/Put");
    internal static readonly Method Range = new("/etcdserverpb.KV/Range");
    internal static readonly Method Txn = new("/etcdserverpb.KV/Txn");
    internal static readonly Method Watch = new("/etcdserverpb.Watch/Watch");
    internal static readonly Method LeaseGrant = new("/etcdserverpb.Lease/LeaseGrant");
    internal static readonly Method LeaseKeepAlive = new("/etcdserverpb.Lease/LeaseKeepAlive");
}

/// <summary>A request with digits to patch, as many as its marker is long.</summary>
internal sealed class Template
{
    private readonly int[] _places;
    private readonly int _digits;

    internal Template(Method method, IMessage message, string marker)
    {
        Method = method;
        _digits = marker.Length;
        Bytes = message.ToByteArray();
        var places = new List<int>();
        byte[] needle = Encoding.ASCII.GetBytes(marker);
        for (int i = Bytes.AsSpan().IndexOf(needle); i >= 0;)
        {
            places.Add(i);
            int next = Bytes.AsSpan(i + needle.Length).IndexOf(needle);
            i = next < 0 ? -1 : i + needle.Length + next;
        }

        _places = [.. places];
    }

    internal Method Method { get; }

    internal byte[] Bytes { get; }

    /// <summary>Writes the digits at every place of the marker.</summary>
    internal void Patch(int number)
    {
        foreach (int place in _places)
        {
            Write(Bytes.AsSpan(place, _digits), number);
        }
    }

    internal static void Write(Span<byte> digits, int number)
    {
        for (int i = digits.Length - 1; i >= 0; i--)
        {
            digits[i] = (byte)('0' + (number % 10));
            number /= 10;
        }
    }
}

internal static class Messages
{
    /// <summary>Keys that are loaded before the rows run, and the size of each value.</summary>
    internal const int Keys = 10_000;
    internal const int ValueBytes = 256;
    internal const int RangeKeys = 100;

    /// <summary>Puts of one loading transaction: the client sends one DATA frame a message, at most 16 KiB.</summary>
    internal const int LoadBatch = 40;

    /// <summary>Eight bytes that are overwritten.</summary>
    internal const string Marker = "########";

    internal static string Key(int index) => "bench/" + index.ToString("D8", CultureInfo.InvariantCulture);

    internal static ByteString Value(string head) => ByteString.CopyFromUtf8(head.PadRight(ValueBytes, 'v'));

    internal static Template Put()
    {
        return new Template(
            Methods.Put, new PutRequest { Key = ByteString.CopyFromUtf8("bench/" + Marker), Value = Value("") }, Marker);
    }

    internal static Template Get(bool serializable)
    {
        var request = new RangeRequest { Key = ByteString.CopyFromUtf8("bench/" + Marker), Serializable = serializable };
        return new Template(Methods.Range, request, Marker);
    }

    /// <summary>A prefix of a hundred keys (all of a key but its last two digits), linearizable. Without a limit: with
    /// one, the servers would walk the whole rest of the index to count it.</summary>
    internal static Template Range()
    {
        const string prefixMarker = "######";
        var request = new RangeRequest
        {
            Key = ByteString.CopyFromUtf8("bench/" + prefixMarker),
            RangeEnd = ByteString.CopyFromUtf8("bench/" + prefixMarker + (char)('9' + 1)),
        };
        return new Template(Methods.Range, request, prefixMarker);
    }

    /// <summary>Compare the own key's value, put the next; else read it. The marker "~~~~~~~~" is the old value's
    /// number, <see cref="Marker"/> the new one's.</summary>
    internal static TxnRequest CompareAndSwap(string key)
    {
        ByteString bytes = ByteString.CopyFromUtf8(key);
        return new TxnRequest
        {
            Compare =
            {
                new Compare
                {
                    Key = bytes,
                    Target = Compare.Types.CompareTarget.Value,
                    Result = Compare.Types.CompareResult.Equal,
                    Value = Value("~~~~~~~~"),
                },
            },
            Success = { new RequestOp { RequestPut = new PutRequest { Key = bytes, Value = Value(Marker) } } },
            Failure = { new RequestOp { RequestRange = new RangeRequest { Key = bytes } } },
        };
    }

    internal static byte[] Load(int from, int count)
    {
        var txn = new TxnRequest();
        for (int i = from; i < from + count; i++)
        {
            var put = new PutRequest { Key = ByteString.CopyFromUtf8(Key(i)), Value = Value("") };
            txn.Success.Add(new RequestOp { RequestPut = put });
        }

        return txn.ToByteArray();
    }
}
