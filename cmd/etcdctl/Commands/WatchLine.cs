// What a watch command line asks for: key, range end, start and the command behind "--" (etcdctl §13). Pure.
using EtcdAot.Cmd.Etcdctl.Flags;
using EtcdAot.Observe;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>A watch to be created, and the command to run for each of its events (empty for none).</summary>
internal sealed record WatchLine(WatchCreateRequest Request, IReadOnlyList<string> Command)
{
    private const string KeyVariable = "ETCDCTL_WATCH_KEY";
    private const string EndVariable = "ETCDCTL_WATCH_RANGE_END";

    /// <summary>Reads parsed options and words; <paramref name="bad"/> is the reason when there is no
    /// watch.</summary>
    public static WatchLine? Read(FlagSet flags, bool progressNotify, out string bad)
    {
        int dashes = flags.WordsBeforeDashes;
        List<string> words = dashes < 0 ? flags.Words : flags.Words[..dashes];
        List<string> command = dashes < 0 ? [] : flags.Words[dashes..];
        string key = Environment.GetEnvironmentVariable(KeyVariable) ?? "";
        string end = Environment.GetEnvironmentVariable(EndVariable) ?? "";
        bad = WhyNot(words, key, end);
        if (bad.Length > 0)
        {
            return null;
        }

        if (words.Count > 0)
        {
            key = words[0];

            // A third word makes the second one count for nothing, as in the original.
            end = words.Count == 2 ? words[1] : "";
        }

        bool prefix = flags["prefix"].Bool;
        if (prefix && end.Length > 0)
        {
            bad = "`range_end` and `--prefix` are mutually exclusive";
            return null;
        }

        var zero = ByteString.CopyFrom(0);
        var request = new WatchCreateRequest
        {
            Key = key.Length == 0 ? zero : ByteString.CopyFromUtf8(key),
            RangeEnd = ByteString.CopyFromUtf8(end),
            StartRevision = flags["rev"].Int,
            PrevKv = flags["prev-kv"].Bool,
            ProgressNotify = progressNotify,
        };
        if (key.Length == 0)
        {
            request.RangeEnd = zero;
        }
        else if (prefix)
        {
            request.RangeEnd = KeyValueCommands.PrefixEnd(request.Key);
        }

        return new WatchLine(request, command);
    }

    /// <summary>A bare "--": nothing stands behind it.</summary>
    public static bool LacksCommand(FlagSet flags) =>
        flags.WordsBeforeDashes >= 0 && flags.WordsBeforeDashes == flags.Words.Count;

    private static string WhyNot(List<string> words, string key, string end)
    {
        if (key.Length == 0 && end.Length > 0)
        {
            return $"{KeyVariable} is empty but got {EndVariable}={GoQuote.Text(end)}";
        }

        if (key.Length > 0 && words.Count > 0)
        {
            return "bad number of arguments (found conflicting environment key)";
        }

        return key.Length == 0 && words.Count == 0 ? "bad number of arguments" : "";
    }
}
