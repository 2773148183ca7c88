// Judges a trace of a member: each answer's send has to begin after an fdatasync on the log's file returned 0 that began
// after the write of the request's bytes had returned. Requests and answers are told by tokens in their bytes: the put of
// generation g of a key carries "kNNN-gM" as value, and its answer, asked for with prev_kv, the token of generation g-1.
using System.Globalization;
using System.Text.RegularExpressions;

namespace EtcdAot.Tests.Conformance.Durability;

/// <summary>The verdict on a trace.</summary>
/// <param name="Answers">Answers whose send was seen and judged.</param>
/// <param name="Faults">Sentences, one for each answer that left too early.</param>
internal sealed record DurabilityVerdict(int Answers, IReadOnlyList<string> Faults);

/// <summary>Follows a trace line by line.</summary>
internal sealed partial class DurabilityChecker
{
    private readonly Dictionary<int, OpenCall> _open = [];
    private readonly Dictionary<string, List<(string Token, int Written)>> _unsynced = [];
    private readonly Dictionary<string, int> _durableAt = [];
    private readonly HashSet<string> _answered = [];
    private readonly List<string> _faults = [];
    private int _line;

    private sealed record OpenCall(string Call, string Text, int Line);

    /// <summary>The token of one generation of one key.</summary>
    public static string Token(int key, int generation) => string.Create(CultureInfo.InvariantCulture, $"k{key:d3}-g{generation}.");

    /// <summary>Judges a whole trace.</summary>
    public static DurabilityVerdict Judge(IEnumerable<string> lines)
    {
        var checker = new DurabilityChecker();
        foreach (string line in lines)
        {
            checker.Take(line);
        }

        return new DurabilityVerdict(checker._answered.Count, checker._faults);
    }

    private void Take(string line)
    {
        _line++;
        if (TraceLine.Parse(line) is not { } parsed)
        {
            return;
        }

        switch (parsed.Form)
        {
            case TraceForm.Begun:
                _open[parsed.Thread] = new OpenCall(parsed.Call, parsed.Text, _line);
                OnEntered(parsed.Call, parsed.Text);
                break;
            case TraceForm.Resumed:
                // A call that was entered before the trace began has no first half; nothing can be said of it.
                if (_open.Remove(parsed.Thread, out OpenCall? call) && call.Call == parsed.Call)
                {
                    OnReturned(call, call.Text + parsed.Text, parsed.Result);
                }

                break;
            default:
                OnEntered(parsed.Call, parsed.Text);
                OnReturned(new OpenCall(parsed.Call, parsed.Text, _line), parsed.Text, parsed.Result);
                break;
        }
    }

    // An answer counts from the moment its send is entered.
    private void OnEntered(string call, string text)
    {
        if (!IsSend(call) || !SocketFile().IsMatch(text))
        {
            return;
        }

        foreach (Match match in Tokens().Matches(text))
        {
            int key = int.Parse(match.Groups["key"].Value, CultureInfo.InvariantCulture);
            int generation = int.Parse(match.Groups["generation"].Value, CultureInfo.InvariantCulture) + 1;
            string asked = Token(key, generation);
            if (_answered.Add(asked) && !(_durableAt.TryGetValue(asked, out int at) && at < _line))
            {
                _faults.Add($"line {_line}: the answer to the put of {asked} is sent before it is durable");
            }
        }
    }

    private void OnReturned(OpenCall call, string text, long? result)
    {
        Match log = LogFile().Match(text);
        if (!log.Success)
        {
            return;
        }

        string file = log.Groups["file"].Value;
        if (IsWrite(call.Call) && result > 0)
        {
            List<(string Token, int Written)> unsynced = _unsynced.TryGetValue(file, out var known) ? known : _unsynced[file] = [];
            foreach (Match match in Tokens().Matches(text))
            {
                unsynced.Add((match.Value, _line));
            }
        }
        else if (call.Call is "fdatasync" or "fsync" && result == 0 && _unsynced.TryGetValue(file, out var waiting))
        {
            foreach ((string token, int written) in waiting)
            {
                if (written < call.Line)
                {
                    _durableAt.TryAdd(token, _line);
                }
            }

            waiting.RemoveAll(w => w.Written < call.Line);
        }
    }

    private static bool IsWrite(string call) => call is "write" or "pwrite64" or "writev" or "pwritev" or "pwritev2";

    private static bool IsSend(string call) => call is "write" or "writev" or "sendto" or "sendmsg" or "sendmmsg";

    [GeneratedRegex(@"k(?<key>\d{3,})-g(?<generation>\d+)\.")]
    private static partial Regex Tokens();

    // With -yy each descriptor is followed by what it is: 7</data/member/wal/…wal>, 12<TCP:[127.0.0.1:1->127.0.0.1:2]>.
    [GeneratedRegex(@"^\d+<(?<file>[^>]*\.wal)>")]
    private static partial Regex LogFile();

    [GeneratedRegex(@"^\d+<(?:TCP|TCPv6|UNIX|socket):")]
    private static partial Regex SocketFile();
}
