// Name and password of --user and --password (etcdctl §7). Asks on the terminal when only a name is given.
using System.Text;
using EtcdAot.Cmd.Etcdctl.Commands;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>Who logs in.</summary>
internal static class Login
{
    public static (string Name, string Password) Read(Invocation call)
    {
        string user = call.Text("user");
        string password = call.Text("password");
        if (user.Length == 0)
        {
            return ("", "");
        }

        if (password.Length > 0)
        {
            return (user, password);
        }

        int colon = user.IndexOf(':', StringComparison.Ordinal);
        return colon >= 0 ? (user[..colon], user[(colon + 1)..]) : (user, Ask(call.Terminal, "Password: "));
    }

    /// <summary>Prints <paramref name="prompt"/> and reads a line without echo; end of input is an empty
    /// one.</summary>
    public static string Ask(Terminal terminal, string prompt)
    {
        terminal.Out.Write(prompt);
        var line = new List<byte>();
        using (Echo.Off())
        {
            for (int b = terminal.In.ReadByte(); b is not (-1 or '\n'); b = terminal.In.ReadByte())
            {
                line.Add((byte)b);
            }
        }

        terminal.Out.Line("");
        return Encoding.UTF8.GetString([.. line]).TrimEnd('\r');
    }
}
