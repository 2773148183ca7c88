// Splits a line of txn or watch -i into words (etcdctl §13): blanks separate, "…" is unquoted with escapes,
// '…' is raw, a quote inside a word is ordinary, an unclosed quote is dropped. Pure.
using System.Text;
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>Words of an input line.</summary>
internal static class Words
{
    public static List<string> Split(string line)
    {
        var words = new List<string>();
        int at = 0;
        while (true)
        {
            while (at < line.Length && char.IsWhiteSpace(line[at]))
            {
                at++;
            }

            if (at >= line.Length)
            {
                return words;
            }

            words.Add(line[at] is '"' or '\'' ? Quoted(line, ref at) : Plain(line, ref at));
        }
    }

    private static string Plain(string line, ref int at)
    {
        int start = at;
        while (at < line.Length && !char.IsWhiteSpace(line[at]))
        {
            at++;
        }

        return line[start..at];
    }

    private static string Quoted(string line, ref int at)
    {
        char quote = line[at];
        if (quote == '"' && GoQuote.TryRead(line.AsSpan(at), out byte[] value, out int used))
        {
            at += used;
            return Encoding.UTF8.GetString(value);
        }

        int end = line.IndexOf(quote, at + 1);
        string text = end < 0 ? line[(at + 1)..] : line[(at + 1)..end];
        at = end < 0 ? line.Length : end + 1;
        return text;
    }
}
