// The cluster version (spec cluster §4.2, the column of 3.5): the leader looks every 4 s which version all members have in
// common and proposes it, in 3.5's form, a v2 PUT. Owned by: core thread.
using EtcdAot.Members;
using EtcdAot.V2;

namespace EtcdAot.Server;

/// <summary>Decides the cluster version while this member leads.</summary>
internal sealed class VersionMonitor(CoreParts parts)
{
    private const string Caller = "etcdserver/server.go";
    private const string Least = "3.0.0";
    private const long PollNanos = 4_000_000_000;

    private long _askAt = long.MinValue;
    private bool _isAsking;

    /// <summary>Asks, when it is time.</summary>
    /// <param name="loop">The core.</param>
    /// <param name="leads">This member leads for sure and has applied an entry of its term.</param>
    /// <param name="now">Time of the step.</param>
    /// <returns>When to be called again at the latest.</returns>
    public long Step(RaftLoop loop, bool leads, long now)
    {
        if (!leads)
        {
            _askAt = long.MinValue;
            return long.MaxValue;
        }

        if (_isAsking || now < _askAt)
        {
            return _isAsking ? long.MaxValue : _askAt;
        }

        Member[] others = [.. parts.Membership.Current.Members.Where(m => m.Id != parts.MemberId)];
        if (others.Length == 0)
        {
            // Alone nothing changes by itself.
            Decide(loop, [], [EtcdVersion.Server]);
            _askAt = long.MaxValue;
            return long.MaxValue;
        }

        _isAsking = true;
        loop.Calls.AskVersions(others, versions => loop.Post(new Answers(this, loop, others, versions)));
        return long.MaxValue;
    }

    /// <summary>Another member: look again.</summary>
    public void OnMembersChanged() => _askAt = long.MinValue;

    private void OnAnswers(RaftLoop loop, Member[] others, string?[] versions)
    {
        _isAsking = false;
        _askAt = loop.Now + PollNanos;
        if (loop.LeadsForSure)
        {
            Decide(loop, others, [EtcdVersion.Server, .. versions]);
        }
    }

    private void Decide(RaftLoop loop, Member[] others, string?[] versions)
    {
        WarnOfHigher(others, versions);
        Version? least = versions.Min(static v => EtcdVersion.TryParse(v, out Version? parsed) ? parsed : new Version(0, 0));
        bool known = least!.Major != 0;
        string before = parts.Membership.Current.Version;
        string? wanted = null;
        if (before.Length == 0)
        {
            wanted = known ? $"{least.Major}.{least.Minor}.0" : Least;
            parts.Log.Info(Caller, "setting up initial cluster version using v2 API")
                .With("cluster-version", EtcdVersion.MajorMinor(wanted)).Write();
        }
        else if (known && EtcdVersion.TryParse(before, out Version? current) && least.Major == current!.Major
            && (least.Minor > current.Minor || least.Minor == current.Minor - 1))
        {
            wanted = $"{least.Major}.{least.Minor}.0";
            parts.Log.Info(Caller, "updating cluster version using v2 API")
                .With("from", EtcdVersion.MajorMinor(before)).With("to", EtcdVersion.MajorMinor(wanted)).Write();
        }

        if (wanted is not null)
        {
            _ = loop.ProposeOwn(Publisher.Slice(V2Request.PutVersion(parts.Ids.Next(), wanted)));
        }
    }

    private void WarnOfHigher(Member[] others, string?[] versions)
    {
        for (int i = 0; i < others.Length; i++)
        {
            if (EtcdVersion.IsAbove(versions[i + 1] ?? "", EtcdVersion.Server))
            {
                parts.Log.Warn("etcdserver/cluster_util.go", "leader found higher-versioned member")
                    .With("local-member-version", EtcdVersion.Server)
                    .With("remote-member-id", others[i].HexId)
                    .With("remote-member-version", versions[i + 1]!).Write();
            }
        }
    }

    private sealed class Answers(VersionMonitor owner, RaftLoop loop, Member[] others, string?[] versions) : ICoreWork
    {
        public void RunOnCore() => owner.OnAnswers(loop, others, versions);
    }
}
