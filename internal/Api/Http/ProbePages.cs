// /livez and /readyz with their sub-checks (spec api-v3 §9). Owned by: the I/O thread of the request.
using System.Text;
using EtcdAot.Observe;
using EtcdAot.Server;

namespace EtcdAot.Api.Http;

/// <summary>One sub-check: ends by telling null or the reason of its failure, at once or at a later wake.</summary>
internal sealed record ProbeCheck(string Name, Action<ApiLoop, Action<string?>> Run);

/// <summary>Runs checks, one after the other, and tells of them.</summary>
internal sealed class ProbePage(ProbeCheck[] checks, bool isRoot, ProbeResults results) : IHttpPage
{
    public void Serve(PageRequest request)
    {
        List<string> excluded = isRoot ? request.Query("exclude") : [];
        var run = new Run(request, [.. checks.Where(c => !excluded.Contains(c.Name))], results);
        run.Next();
    }

    private sealed class Run(PageRequest request, ProbeCheck[] checks, ProbeResults results)
    {
        private readonly StringBuilder _lines = new();
        private int _at;
        private bool _failed;

        public void Next()
        {
            if (_at == checks.Length)
            {
                Answer();
                return;
            }

            checks[_at].Run(request.Home, Done);
        }

        private void Done(string? failure)
        {
            string name = checks[_at++].Name;
            results.Add(name, failure is null);
            _failed |= failure is not null;
            _lines.Append(failure is null ? $"[+]{name} ok\n" : $"[-]{name} failed: {failure}\n");
            Next();
        }

        private void Answer()
        {
            bool verbose = request.Query("verbose").Count > 0;
            request.Response.SendText(_failed ? 503 : 200,
                _failed ? _lines.ToString() : (verbose ? _lines.ToString() : "") + "ok");
        }
    }
}

/// <summary>The checks and their paths.</summary>
internal static class Probes
{
    /// <summary>Adds /livez, /readyz and a path for each check.</summary>
    public static void AddTo(HttpMux mux, EtcdServer server, ProbeResults live, ProbeResults ready)
    {
        var corruption = new ProbeCheck("data_corruption",
            (_, done) => done(server.Alarms.HasCorrupt ? "alarm activated: CORRUPT" : null));
        var serializable = new ProbeCheck("serializable_read", static (_, done) => done(null));
        var linearizable = new ProbeCheck("linearizable_read",
            (home, done) => IndexRead.Begin(server, home, error => done(error?.Text)));
        var voter = new ProbeCheck("non_learner", (_, done) => done(
            MemberAnswers.IsLearner(server.Members, server.MemberId) ? "not supported for learner" : null));
        Add(mux, "/livez", [serializable], live);
        Add(mux, "/readyz", [corruption, serializable, linearizable, voter], ready);
    }

    private static void Add(HttpMux mux, string root, ProbeCheck[] checks, ProbeResults results)
    {
        mux.Add(root, new ProbePage(checks, isRoot: true, results));
        foreach (ProbeCheck check in checks)
        {
            mux.Add(root + "/" + check.Name, new ProbePage([check], isRoot: false, results));
        }
    }
}

/// <summary>Outcomes of one kind of probe for metrics. Any thread.</summary>
internal sealed class ProbeResults(string kind, params string[] names)
{
    private readonly Counter[] _good = [.. names.Select(static _ => new Counter())];
    private readonly Counter[] _bad = [.. names.Select(static _ => new Counter())];
    private readonly int[] _last = new int[names.Length];

    public static ProbeResults Live() => new("livez", "serializable_read");

    public static ProbeResults Ready()
    {
        return new("readyz", "data_corruption", "linearizable_read", "non_learner", "serializable_read");
    }

    /// <summary>Adds the two families of all probes; a series appears with its first outcome.</summary>
    public static void AddTo(MetricsRegistry registry, params ProbeResults[] kinds)
    {
        // Samples go by name, then by kind: "livez" stands before "readyz".
        (ProbeResults Of, int At)[] series = [.. kinds
            .SelectMany(static k => Enumerable.Range(0, k.Count).Select(at => (k, at)))
            .OrderBy(static s => s.k.NameOf(s.at), StringComparer.Ordinal)];
        registry.Labeled("etcd_server_healthcheck", "gauge", "The result of each kind of healthcheck.", text =>
        {
            foreach ((ProbeResults of, int at) in series)
            {
                of.WriteLast(text, at);
            }
        });
        registry.Labeled("etcd_server_healthchecks_total", "counter",
            "The total number of each kind of healthcheck.", text =>
            {
                foreach ((ProbeResults of, int at) in series)
                {
                    of.WriteTotals(text, at);
                }
            });
    }

    public void Add(string name, bool good)
    {
        int at = Array.IndexOf(names, name);
        (good ? _good : _bad)[at].Add();
        Volatile.Write(ref _last[at], good ? 1 : 0);
    }

    private int Count => names.Length;

    private string NameOf(int at) => names[at];

    private void WriteLast(MetricsText text, int at)
    {
        if (_good[at].Value + _bad[at].Value > 0)
        {
            text.Sample($"name=\"{names[at]}\",type=\"{kind}\"", Volatile.Read(ref _last[at]));
        }
    }

    private void WriteTotals(MetricsText text, int at)
    {
        Write("error", _bad[at].Value);
        Write("success", _good[at].Value);

        void Write(string status, long value)
        {
            if (value > 0)
            {
                text.Sample($"name=\"{names[at]}\",status=\"{status}\",type=\"{kind}\"", value);
            }
        }
    }
}
