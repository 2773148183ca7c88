// One SRV question to the first name server of resolv.conf, over UDP. Answers are hostile bytes: every length
// is checked. Blocking.
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>Looks up SRV records.</summary>
internal static class SrvLookup
{
    private const int TypeSrv = 33;
    private const int HeaderSize = 12;
    private const int Attempts = 2;
    private const int AttemptMillis = 5000;

    /// <summary>host:port of each record in order of priority, or the reason why there is none.</summary>
    internal readonly record struct Answer(IReadOnlyList<string> Targets, string? Error);

    public static Answer Ask(string name)
    {
        IPEndPoint server = NameServer();
        string place = $"lookup {name} on {server}: ";
        string last = "i/o timeout";
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            try
            {
                using var udp = new UdpClient(server.AddressFamily);
                udp.Connect(server);
                udp.Client.ReceiveTimeout = AttemptMillis;
                ushort id = (ushort)RandomNumberGenerator.GetInt32(ushort.MaxValue);
                udp.Send(Question(id, name));
                IPEndPoint? from = null;
                IReadOnlyList<string>? targets = Parse(udp.Receive(ref from), id);
                return targets is { Count: > 0 } ? new Answer(targets, null)
                    : new Answer([], place + "no such host");
            }
            catch (SocketException e)
            {
                last = e.SocketErrorCode == SocketError.ConnectionRefused ? "connection refused"
                    : "i/o timeout";
            }
        }

        return new Answer([], place + last);
    }

    /// <summary>The question for <paramref name="name"/>, one label an item.</summary>
    internal static byte[] Question(ushort id, string name)
    {
        var bytes = new List<byte> { (byte)(id >> 8), (byte)id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
        foreach (string label in name.TrimEnd('.').Split('.'))
        {
            byte[] text = Encoding.ASCII.GetBytes(label);
            int length = Math.Min(text.Length, 63);
            bytes.Add((byte)length);
            bytes.AddRange(text.AsSpan(0, length));
        }

        bytes.AddRange([0, 0, TypeSrv, 0, 1]);
        return [.. bytes];
    }

    /// <summary>The targets in an answer; null when it is not one, empty when there is no such
    /// name.</summary>
    internal static IReadOnlyList<string>? Parse(ReadOnlySpan<byte> message, ushort id)
    {
        if (message.Length < HeaderSize || BinaryPrimitives.ReadUInt16BigEndian(message) != id)
        {
            return null;
        }

        int questions = BinaryPrimitives.ReadUInt16BigEndian(message[4..]);
        int answers = BinaryPrimitives.ReadUInt16BigEndian(message[6..]);
        int at = HeaderSize;
        for (int i = 0; i < questions; i++)
        {
            if (ReadName(message, ref at) is null)
            {
                return null;
            }

            at += 4;
        }

        var found = new List<(int Priority, string Target)>();
        for (int i = 0; i < answers; i++)
        {
            if (ReadName(message, ref at) is null || at + 10 > message.Length)
            {
                return null;
            }

            int type = BinaryPrimitives.ReadUInt16BigEndian(message[at..]);
            int size = BinaryPrimitives.ReadUInt16BigEndian(message[(at + 8)..]);
            at += 10;
            if (at + size > message.Length)
            {
                return null;
            }

            int target = at + 6;
            if (type == TypeSrv && size > 6 && ReadName(message, ref target) is string host)
            {
                int port = BinaryPrimitives.ReadUInt16BigEndian(message[(at + 4)..]);
                found.Add((BinaryPrimitives.ReadUInt16BigEndian(message[at..]), $"{host}:{port}"));
            }

            at += size;
        }

        return [.. found.OrderBy(f => f.Priority).Select(f => f.Target)];
    }

    // A name with its trailing dot; follows at most 32 pointers.
    private static string? ReadName(ReadOnlySpan<byte> message, ref int at)
    {
        var name = new StringBuilder();
        int here = at;
        bool jumped = false;
        for (int step = 0; step < 160; step++)
        {
            if (here >= message.Length)
            {
                return null;
            }

            int length = message[here];
            if (length == 0)
            {
                at = jumped ? at : here + 1;
                return name.ToString();
            }

            if ((length & 0xc0) == 0xc0)
            {
                if (here + 1 >= message.Length)
                {
                    return null;
                }

                at = jumped ? at : here + 2;
                jumped = true;
                here = ((length & 0x3f) << 8) | message[here + 1];
                continue;
            }

            if (length > 63 || here + 1 + length > message.Length)
            {
                return null;
            }

            name.Append(Encoding.ASCII.GetString(message.Slice(here + 1, length))).Append('.');
            here += length + 1;
        }

        return null;
    }

    private static IPEndPoint NameServer()
    {
        if (File.Exists("/etc/resolv.conf"))
        {
            foreach (string line in File.ReadLines("/etc/resolv.conf"))
            {
                string[] words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
                if (words is ["nameserver", string address, ..]
                    && IPAddress.TryParse(address, out IPAddress? ip))
                {
                    return new IPEndPoint(ip, 53);
                }
            }
        }

        return new IPEndPoint(IPAddress.Loopback, 53);
    }
}
