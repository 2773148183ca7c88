// Both servers and the count of calls. Every call goes to the real one first, then to ours; the answers are compared
// at once. The state that the generator needs (revision, compaction) is what the real one said.
using System.Diagnostics;
using System.Globalization;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Sends the same to both and keeps the differences.</summary>
internal sealed class Lockstep(RpcMember real, RpcMember ours, OptionTable table)
{
    private const int MostDifferences = 40;

    private const long ShortTtl = 60;
    private static readonly TimeSpan ExpiryLimit = TimeSpan.FromSeconds(90);

    private readonly List<(long Theirs, long Mine, long Ttl)> _named = [];
    private int _leases;
    private ExpectedDifference? _expected;

    public RpcMember Real => real;

    public RpcMember Ours => ours;

    public OptionTable Table => table;

    /// <summary>The real one's revision after the last write.</summary>
    public long Revision { get; private set; } = 1;

    /// <summary>Revision of the last compaction that succeeded.</summary>
    public long Compacted { get; private set; }

    public int Calls { get; private set; }

    public List<string> Differences { get; } = [];

    /// <summary>The next answer must differ, and in exactly these lines; any other answer counts as a difference.</summary>
    public void Expect(ExpectedDifference difference) => _expected = difference;

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

        RawReply reply = Send(
            method, bytes, bytes, () => form + " " + Convert.ToHexString(bytes.AsSpan(0, Math.Min(bytes.Length, 120))));
        if (method == RawMethods.LeaseGrant && reply.Body is { } body
            && method.Decode(bytes) is LeaseGrantRequest { ID: not 0 } grant)
        {
            _named.Add((grant.ID, grant.ID, LeaseGrantResponse.Parser.ParseFrom(body).TTL));
        }

        return reply;
    }

    /// <summary>Counts and compares one answer of each; <paramref name="what"/> repeats the call.</summary>
    public void Judge(string method, Func<string> what, List<string> theirs, List<string> mine)
    {
        Calls++;
        table.Row("methods", method);
        ExpectedDifference? expected = _expected;
        _expected = null;
        if (expected is null && theirs.SequenceEqual(mine, StringComparer.Ordinal))
        {
            return;
        }

        if (expected?.Is(theirs, mine) == true)
        {
            table.Row("expected differences", expected.Name);
            return;
        }

        List<string> onlyTheirs = theirs.Except(mine).Take(6).ToList();
        List<string> onlyMine = mine.Except(theirs).Take(6).ToList();
        if (onlyTheirs.Count + onlyMine.Count == 0)
        {
            (onlyTheirs, onlyMine) = (theirs.Take(8).ToList(), mine.Take(8).ToList());
        }

        Differences.Add($"call {Calls.ToString(CultureInfo.InvariantCulture)} {method} {what()}\n" +
            (expected is null ? "" : $"      not the expected difference ({expected.Name})\n") +
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

    /// <summary>Revokes the leases that the servers named. One with a short ttl may expire on its own at any moment, so
    /// its end is waited for.</summary>
    public void RevokeNamed()
    {
        foreach ((long theirs, long mine, long ttl) in _named)
        {
            if (ttl < ShortTtl)
            {
                AwaitExpiry(theirs, mine);
            }

            Unary(RawMethods.LeaseRevoke, m => new LeaseRevokeRequest { ID = m == real ? theirs : mine });
        }

        _named.Clear();
    }

    /// <summary>Waits until both say that a lease is gone; nothing is compared.</summary>
    public void AwaitExpiry(long theirs, long mine)
    {
        long started = Stopwatch.GetTimestamp();
        foreach ((RpcMember member, long id) in new[] { (real, theirs), (ours, mine) })
        {
            byte[] request = new LeaseTimeToLiveRequest { ID = id }.ToByteArray();
            while (member.Unary(RawMethods.LeaseTimeToLive.Service, RawMethods.LeaseTimeToLive.Name, request) is not { Body: { } body }
                || LeaseTimeToLiveResponse.Parser.ParseFrom(body).GrantedTTL != 0)
            {
                Assert.True(Stopwatch.GetElapsedTime(started) < ExpiryLimit, $"lease {id} of {member.Name} does not expire");
                Thread.Sleep(50);
            }
        }
    }

    private void NameLease(RawMethod method, byte[] request, RawReply theirs, RawReply mine)
    {
        if (method != RawMethods.LeaseGrant || method.Decode(request) is not LeaseGrantRequest { ID: 0 }
            || theirs.Body is not { } theirBody || mine.Body is not { } myBody)
        {
            return;
        }

        long ttl = LeaseGrantResponse.Parser.ParseFrom(theirBody).TTL;
        long theirId = LeaseGrantResponse.Parser.ParseFrom(theirBody).ID;
        long myId = LeaseGrantResponse.Parser.ParseFrom(myBody).ID;
        _named.Add((theirId, myId, ttl));
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

/// <summary>A difference that one call must show, because the packaged 3.5.30 answers otherwise than 3.5.33, which ours
/// follows (head of the API spec). The caller names it before that call.</summary>
/// <param name="Name">For the report.</param>
/// <param name="Theirs">All lines of the real one's answer.</param>
/// <param name="Ours">All lines of ours.</param>
internal sealed record ExpectedDifference(string Name, string[] Theirs, string[] Ours)
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

    public bool Is(List<string> theirs, List<string> ours) =>
        theirs.SequenceEqual(Theirs, StringComparer.Ordinal) && ours.SequenceEqual(Ours, StringComparer.Ordinal);
}
