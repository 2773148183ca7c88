// Error texts of sockets as the original prints them ("listen tcp 127.0.0.1:2379: bind: address already in use",
// spec server-config). Pure.
using EtcdAot.Sys;

namespace EtcdAot.Net;

/// <summary>Texts for failed listens and dials.</summary>
public static class NetError
{
    /// <summary>A listen that failed. <paramref name="where"/>: host:port or path as it was given.</summary>
    public static string Listen(string network, string where, NetworkStep step, Errno reason)
    {
        return $"listen {network} {where}: {Name(step)}{reason}";
    }

    /// <summary>A dial that failed; <see cref="Errno.TimedOut"/> by the own deadline is "i/o timeout".</summary>
    public static string Dial(NetworkAddress address, Errno reason)
    {
        string text = reason == DialDeadline ? "i/o timeout" : "connect: " + reason;
        return $"dial {address.Network} {address}: {text}";
    }

    /// <summary>Reason of a dial that our own deadline ended (ETIME, which no connect returns).</summary>
    public static readonly Errno DialDeadline = new(62);

    private static string Name(NetworkStep step) => step switch
    {
        NetworkStep.Socket => "socket: ",
        NetworkStep.Bind => "bind: ",
        NetworkStep.Listen => "listen: ",
        NetworkStep.Connect => "connect: ",
        _ => "",
    };
}
