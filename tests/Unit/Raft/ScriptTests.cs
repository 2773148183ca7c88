using System.Runtime.CompilerServices;
using System.Text;

namespace EtcdAot.Tests.Unit.Raft;

/// <summary>Goal: the exact behaviour of small clusters, readable. Method: each file of <c>scripts</c> is a list of commands, each
/// followed by ---- and what it must print. RAFT_REWRITE=1 writes what it does print: the diff is the review.</summary>
public class ScriptTests
{
    public static TheoryData<string> Scripts =>
        [.. Directory.GetFiles(Folder(), "*.txt").Select(f => Path.GetFileName(f)!).Order()];

    [Theory]
    [MemberData(nameof(Scripts))]
    public void PrintsWhatTheScriptSays(string name)
    {
        string path = Path.Combine(Folder(), name);
        string expected = File.ReadAllText(path);
        string actual = Replay(expected);
        if (Environment.GetEnvironmentVariable("RAFT_REWRITE") == "1")
        {
            File.WriteAllText(path, actual);
            return;
        }

        Assert.Equal(expected, actual);
    }

    // Blocks are separated by blank lines; lines of # are comments; output runs from ---- to the blank line.
    private static string Replay(string script)
    {
        using var cluster = new ScriptCluster();
        var text = new StringBuilder();
        foreach (string block in script.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            if (text.Length > 0)
            {
                text.Append('\n');
            }

            bool ran = false;
            var output = new StringBuilder();
            foreach (string line in block.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeWhile(l => l != "----"))
            {
                text.Append(line).Append('\n');
                if (!line.StartsWith('#'))
                {
                    ran = true;
                    output.Append(cluster.Run(line));
                }
            }

            if (ran)
            {
                text.Append("----\n").Append(output);
            }
        }

        return text.ToString();
    }

    private static string Folder([CallerFilePath] string path = "") => Path.Combine(Path.GetDirectoryName(path)!, "scripts");
}
