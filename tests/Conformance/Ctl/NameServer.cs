// The name server that the recordings ask for: it answers every question with "no such name". A client sees
// it in a mount namespace of its own, where another resolv.conf lies over the system's. One thread, ended by
// Dispose.
using System.Net;
using System.Net.Sockets;

namespace EtcdAot.Tests.Conformance.Ctl;

/// <summary>A DNS server on port 53 of a loopback address.</summary>
internal sealed class NameServer : IDisposable
{
    private const int HeaderLength = 12;

    private readonly Socket? _socket;
    private readonly string _folder = Directory.CreateTempSubdirectory("names.").FullName;
    private readonly string[] _wrapper = [];

    public NameServer()
    {
        string file = Path.Combine(_folder, "resolv.conf");
        string[] wrapper =
        [
            .. Environment.UserName == "root" ? new[] { "unshare", "--mount" }
                : ["unshare", "--user", "--map-root-user", "--mount"],
            "sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"", file,
        ];
        _socket = Bind();
        if (_socket is null)
        {
            Problem = "port 53 of the loopback addresses cannot be bound";
            Address = SystemResolver() + ":53";
            return;
        }

        Address = _socket.LocalEndPoint!.ToString()!;
        File.WriteAllText(file, $"nameserver {((IPEndPoint)_socket.LocalEndPoint).Address}\n");
        ToolResult trial = ToolProcess.Run(wrapper[0], [.. wrapper[1..], "true"]);
        if (trial.Exit != 0)
        {
            Problem = "a mount namespace cannot be made: " +
                System.Text.Encoding.UTF8.GetString(trial.Error).Trim();
            Address = SystemResolver() + ":53";
            return;
        }

        _wrapper = wrapper;
        new Thread(Serve) { IsBackground = true, Name = "name server" }.Start();
    }

    /// <summary>host:port, as error texts show it.</summary>
    public string Address { get; }

    /// <summary>Why the system's name server is used instead, else null.</summary>
    public string? Problem { get; }

    /// <summary>A command line in front of which this name server is the system's.</summary>
    public string[] Wrap(string program) => [.. _wrapper, program];

    public void Dispose()
    {
        _socket?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static Socket? Bind()
    {
        for (byte last = 1; last < 20; last++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                socket.Bind(new IPEndPoint(new IPAddress([127, 53, 53, last]), 53));
                return socket;
            }
            catch (SocketException)
            {
                socket.Dispose();
            }
        }

        return null;
    }

    private static string SystemResolver()
    {
        string? line = File.Exists("/etc/resolv.conf")
            ? File.ReadLines("/etc/resolv.conf").FirstOrDefault(static l =>
                l.StartsWith("nameserver", StringComparison.Ordinal))
            : null;
        return line?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1] ?? "127.0.0.1";
    }

    private void Serve()
    {
        var packet = new byte[1500];
        try
        {
            while (true)
            {
                EndPoint from = new IPEndPoint(IPAddress.Any, 0);
                int length = _socket!.ReceiveFrom(packet, ref from);
                int end = EndOfQuestion(packet.AsSpan(0, length));
                if (end > 0)
                {
                    packet[2] = (byte)(0x80 | (packet[2] & 0x01)); // An answer; recursion desired as asked.
                    packet[3] = 0x83; // Recursion available, no such name.
                    packet.AsSpan(6, 6).Clear(); // No answer, authority or additional record.
                    _socket.SendTo(packet.AsSpan(0, end), from);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Dispose has closed the socket.
        }
    }

    private static int EndOfQuestion(ReadOnlySpan<byte> packet)
    {
        int at = HeaderLength;
        while (at < packet.Length && packet[at] != 0)
        {
            at += packet[at] + 1;
        }

        return at + 5 <= packet.Length ? at + 5 : 0;
    }
}
