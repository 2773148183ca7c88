// Runs the sequence with one etcdctl against one server and keeps what it printed, masked.
using System.Text;
using System.Text.RegularExpressions;
using EtcdAot.Tests.Conformance.Ctl;
using EtcdAot.Tests.Conformance.Servers;

namespace EtcdAot.Tests.Conformance.Clients;

/// <summary>What one command line gave.</summary>
internal sealed record ClientAnswer(int Exit, string Output, string Error);

/// <summary>One pass through the sequence.</summary>
internal sealed partial class ClientRun(string etcdctl, EtcdProcess server, string folder)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private string _lease = "0";

    /// <summary>Runs one step.</summary>
    public ClientAnswer Run(ClientStep step)
    {
        using ToolProcess process = Start(step.Args, step.Input);
        if (step.IsWatch)
        {
            Thread.Sleep(1500);
            foreach (string[] args in step.Meanwhile)
            {
                using ToolProcess other = Start(args, "");
                Assert.Equal(0, other.End(Limit).Exit);
            }

            Thread.Sleep(700);
            process.Signal("INT");
        }

        ToolResult result = process.End(Limit);
        string output = Encoding.UTF8.GetString(result.Output);
        Match granted = Granted().Match(output);
        _lease = granted.Success ? granted.Groups["id"].Value : _lease;

        // An interrupted watch ends with 130 or by the signal, as the version likes.
        return new ClientAnswer(
            step.IsWatch ? 0 : result.Exit, Mask(output, step),
            step.IsWatch ? "" : Mask(Encoding.UTF8.GetString(result.Error), step));
    }

    private ToolProcess Start(string[] args, string input)
    {
        IEnumerable<string> words = args.Select(a => a.Replace("{L}", _lease, StringComparison.Ordinal)
            .Replace("{DIR}", folder, StringComparison.Ordinal));
        return new ToolProcess(etcdctl, ["--endpoints", server.Endpoint, .. words], folder,
            [("ETCDCTL_API", "3")], [(input, 0)]);
    }

    private string Mask(string text, ClientStep step)
    {
        text = text.Replace(server.Endpoint, "{E}", StringComparison.Ordinal)
            .Replace(folder, "{DIR}", StringComparison.Ordinal);
        text = PeerUrl().Replace(text, "http://{P}");
        if (_lease != "0")
        {
            text = text.Replace(_lease, "{L}", StringComparison.Ordinal)
                .Replace(Convert.ToInt64(_lease, 16).ToString(), "{L}", StringComparison.Ordinal);
        }

        return step.ComparesHash ? text : Normaliser.Of(OldVersion().Replace(text, "{V35}"));
    }

    [GeneratedRegex(@"lease (?<id>[0-9a-f]{16}) granted")]
    private static partial Regex Granted();

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex PeerUrl();

    [GeneratedRegex(@"(?<![\w.])3\.4\.\d+(?![\w.])")]
    private static partial Regex OldVersion();
}
