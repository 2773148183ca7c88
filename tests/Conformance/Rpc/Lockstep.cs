// Both servers and the count of calls. Every call goes to the real one first, then to ours; the answers are compared
// at once. The state that the generator needs (revision, compaction) is what the real one said.
using System.Globalization;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Sends the same to both and keeps the differences.</summary>
internal sealed class Lockstep(RpcMember real, RpcMember ours, OptionTable table)
{
    private const int MostDifferences = 40;

    private readonly List<(long Theirs, long Mine)> _named = [];
    private int _leases;

    public RpcMember Real => real;

    public RpcMember Ours => ours;

    public OptionTable Table => table;

    /// <summary>The real one's revision after the last write.</summary>
    public long Revision { get; private set; } = 1;

    /// <summary>Revision of the last compaction that succeeded.</summary>
    public long Compacted { get; private set; }

    public int Calls { get; private set; }

    /// <summary>Differences so far that have a name.</summary>
    public int Expected { get; private set; }

    /// <summary>Differences that are known and still to be mended.</summary>
    public int Owed { get; private set; }

    public List<string> Differences { get; } = [];

    /// <summary>Same request for both.</summary>
    public RawReply Unary(RawMethod method, IMessage request)
    {
        table.Count(request);
        byte[] bytes = request.ToByteArray();
        return Send(method, bytes, bytes, () => Short(request.ToString()!));
    }

    /// <summary>A request that names something of a server's own (its member id, a lease it named).</summary>
    public RawReply Unary(RawMethod method, Func<RpcMember, IMessage> request)
    {
        IMessage first = request(real);
        table.Count(first);
        return Send(method, first.ToByteArray(), request(ours).ToByteArray(), () => Short(first.ToString()!));
    }

    /// <summary>Bytes in an odd form, whose name is counted.</summary>
    public RawReply Odd(RawMethod method, byte[] bytes, string form)
    {
        table.Row("forms", form);
        if (method.Decode(bytes) is { } decoded)
        {
            table.Count(decoded);
        }

        return Send(method, bytes, bytes, () => form + " " + Convert.ToHexString(bytes.AsSpan(0, Math.Min(bytes.Length, 120))));
    }

    /// <summary>Counts and compares one answer of each; <paramref name="what"/> repeats the call.</summary>
    public void Judge(string method, Func<string> what, List<string> theirs, List<string> mine)
    {
        Calls++;
        table.Row("methods", method);
        if (theirs.SequenceEqual(mine, StringComparer.Ordinal))
        {
            return;
        }

        List<string> onlyTheirs = theirs.Except(mine).Take(6).ToList();
        List<string> onlyMine = mine.Except(theirs).Take(6).ToList();
        if (onlyTheirs.Count + onlyMine.Count == 0)
        {
            (onlyTheirs, onlyMine) = (theirs.Take(8).ToList(), mine.Take(8).ToList());
        }

        if (ExpectedDifference.Name(method, onlyTheirs, onlyMine) is { } name)
        {
            table.Row("expected differences", name);
            Expected++;
            return;
        }

        if (OwedDifference.Name(method, onlyTheirs, onlyMine, Expected) is { } owed)
        {
            table.Row("owed differences", owed);
            Owed++;
            return;
        }

        Differences.Add($"call {Calls.ToString(CultureInfo.InvariantCulture)} {method} {what()}\n" +
            $"      real: {string.Join(" | ", onlyTheirs)}\n      ours: {string.Join(" | ", onlyMine)}");
        Assert.False(real.HasExited, $"the real server ended:\n{real.LogTail()}");
        Assert.False(ours.HasExited, $"our server ended after {Differences[^1]}\n{ours.LogTail()}");
        Assert.True(Differences.Count < MostDifferences,
            $"{Differences.Count} differences in {Calls} calls:\n{string.Join("\n", Differences)}");
    }

    /// <summary>Counts the text of an error that the real server gave.</summary>
    public void CountText(string status)
    {
        if (status != "0")
        {
            table.Row(ErrorTexts.IsListed(status) ? "error texts" : "other error texts", status);
        }
    }

    /// <summary>Revokes the leases that the servers named.</summary>
    public void RevokeNamed()
    {
        foreach ((long theirs, long mine) in _named)
        {
            Unary(RawMethods.LeaseRevoke, m => new LeaseRevokeRequest { ID = m == real ? theirs : mine });
        }

        _named.Clear();
    }

    private void NameLease(RawMethod method, byte[] request, RawReply theirs, RawReply mine)
    {
        if (method != RawMethods.LeaseGrant || method.Decode(request) is not LeaseGrantRequest { ID: 0 }
            || theirs.Body is not { } theirBody || mine.Body is not { } myBody)
        {
            return;
        }

        long theirId = LeaseGrantResponse.Parser.ParseFrom(theirBody).ID;
        long myId = LeaseGrantResponse.Parser.ParseFrom(myBody).ID;
        _named.Add((theirId, myId));
        string name = string.Create(CultureInfo.InvariantCulture, $"{{lease {++_leases}}}");
        real.NameLease(theirId, theirId > 0 ? name : "not positive");
        ours.NameLease(myId, myId > 0 ? name : "not positive");
    }

    private static string Short(string text) => text.Length > 600 ? text[..600] + "…" : text;

    private RawReply Send(RawMethod method, byte[] forReal, byte[] forOurs, Func<string> what)
    {
        RawReply theirs = real.Unary(method.Service, method.Name, forReal);
        RawReply mine = ours.Unary(method.Service, method.Name, forOurs);
        Learn(method, forReal, theirs);
        NameLease(method, forReal, theirs, mine);
        CountText(theirs.Status);
        Judge(method.Path, what, Lines(method, theirs, real), Lines(method, mine, ours));
        return theirs;
    }

    private void Learn(RawMethod method, byte[] request, RawReply reply)
    {
        if (reply.Body is not { } body)
        {
            return;
        }

        if (method == RawMethods.Compact && method.Decode(request) is CompactionRequest compact)
        {
            Compacted = compact.Revision;
        }

        if (method.Reply.FindFieldByName("header") is { } field
            && field.Accessor.GetValue(method.Reply.Parser.ParseFrom(body)) is ResponseHeader header)
        {
            Revision = Math.Max(Revision, header.Revision);
        }
    }

    public static List<string> Lines(RawMethod method, RawReply reply, RpcMember member)
    {
        List<string> lines = [reply.Status];
        if (reply.Body is { } body)
        {
            lines.AddRange(ReplyLines.Of(method, body, member));
        }

        return lines;
    }
}

/// <summary>Differences of ours that are known and still to be mended: printed by name, never silent. Each entry here is a
/// debt; the list only gets shorter.</summary>
internal static class OwedDifference
{
    private const string PlainText = "13 grpc: error unmarshalling request: unexpected EOF";

    /// <summary>The name of the debt, or null.</summary>
    public static string? Name(string method, List<string> theirs, List<string> ours, int expected)
    {
        bool decodes = method.StartsWith("Lease.", StringComparison.Ordinal) || method == "Health.Check";
        if (decodes && (ours is [PlainText] || ours is ["ended " + PlainText]
            || (theirs is [var refusal] && refusal.Contains("cannot parse invalid wire-format", StringComparison.Ordinal))))
        {
            return method + ": a request that does not decode is refused in other words";
        }

        if (method == "Watch.Watch" && (theirs is [var piece] && piece.EndsWith("fragment = True", StringComparison.Ordinal)
            || theirs.Exists(static l => l.Contains("events[3] present", StringComparison.Ordinal))))
        {
            return "Watch: history above 2 MiB is cut by bytes before the fragment rule";
        }

        // The nested put above (3.5.33) leaves an alarm on ours alone; the calls that level both differ by design.
        return method == "Maintenance.Alarm" && expected > 0
            && (ours.Contains("alarms[0] present", StringComparer.Ordinal) != theirs.Contains("alarms[0] present", StringComparer.Ordinal))
            ? "Alarm: levelling after the nested put that 3.5.30 lets pass" : null;
    }
}

/// <summary>Where the packaged 3.5.30 answers otherwise than 3.5.33, which ours follows (head of the API spec).</summary>
internal static class ExpectedDifference
{
    /// <summary>Those that this run cannot meet, with the reason.</summary>
    public static readonly string[] OutOfReach =
    [
        "MemberUpdate keeps the learner mark (3.5.31): membership call",
        "Authorization: Bearer, root role for Status, token in a log line (3.5.32): auth",
        "CRLs on listen-client-http-urls (3.5.32), time limits of handshakes and headers (3.5.33): transport",
        "a from-key watch is authorized to its end (3.5.33): auth",
        "the peers' lease handler bounds its body (3.5.33): peer port",
    ];

    /// <summary>The name of the expected difference, or null.</summary>
    public static string? Name(string method, List<string> theirs, List<string> ours)
    {
        if (method == "Maintenance.Status" && theirs.Count == 1 && ours is ["version = 3.5.33"]
            && theirs[0].StartsWith("version = 3.5.", StringComparison.Ordinal))
        {
            return "Status tells the server's own version";
        }

        return method == "KV.Txn" && ours is ["8 etcdserver: mvcc: database space exceeded"]
            && theirs.Contains("0", StringComparer.Ordinal)
            ? "nested txns count against the quota (3.5.33)"
            : null;
    }
}
