using EtcdAot.Api.Http;
using EtcdAot.Server;

namespace EtcdAot.Tests.Unit.Api;

/// <summary>Goal: the HTTP side of a client port answers byte for byte as the original's 3.5 (recorded from it by curl;
/// spec api-v3 §8.7, §9). Method: requests in, whole answers out, without their dates.</summary>
public class HttpMuxTests : MemberTests
{
    private const string Cors = "Access-Control-Allow-Headers: accept, content-type, authorization\r\n"
        + "Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\nAccess-Control-Allow-Origin: *\r\n";

    private const string Text =
        "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ";

    private const string Healthy = "Content-Length: 29\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        + "{\"health\":\"true\",\"reason\":\"\"}";

    private const string Version = "Content-Type: application/json\r\nContent-Length: 45\r\n\r\n"
        + "{\"etcdserver\":\"" + EtcdVersion.Server + "\",\"etcdcluster\":\"3.5.0\"}";

    private const string ReadyButForData =
        "69\r\n\r\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n";

    private const string MovedToHealth = "Content-Type: text/html; charset=utf-8\r\nLocation: /health\r\n"
        + "Content-Length: 42\r\n\r\n<a href=\"/health\">Moved Permanently</a>.\n\n";

    [Theory]
    [InlineData("GET /health", 200, Healthy)]
    [InlineData("GET /heal%74h", 200, Healthy)]
    [InlineData("GET /version", 200, Version)]
    [InlineData("GET /livez", 200, Text + "3\r\n\r\nok\n")]
    [InlineData("GET /livez?verbose=false", 200, Text + "27\r\n\r\n[+]serializable_read ok\nok\n")]
    [InlineData("GET /livez/serializable_read", 200, Text + "3\r\n\r\nok\n")]
    [InlineData("GET /readyz?verbose&exclude=data_corruption&exclude=nope", 200, Text + ReadyButForData)]
    [InlineData("GET /readyz/linearizable_read", 200, Text + "3\r\n\r\nok\n")]
    [InlineData("GET /livez/", 404, Text + "19\r\n\r\n404 page not found\n")]
    [InlineData("GET /nope", 404, Text + "19\r\n\r\n404 page not found\n")]
    [InlineData("POST /version", 405, "Allow: GET\r\n" + Text + "19\r\n\r\nMethod Not Allowed\n")]
    [InlineData("HEAD /health", 405, "Allow: GET\r\n" + Text + "19\r\n\r\n")]
    [InlineData("OPTIONS /nope", 200, "Content-Length: 0\r\n\r\n")]
    [InlineData("GET //health", 301, MovedToHealth)]
    [InlineData("POST /a/../health?x=1", 301, "Location: /health?x=1\r\nContent-Length: 0\r\n\r\n")]
    public void AnswersAreTheOriginals(string request, int status, string rest)
    {
        string answer = NewMember().Started().Http(request);
        string reason = status switch
        {
            200 => "OK",
            301 => "Moved Permanently",
            404 => "Not Found",
            _ => "Method Not Allowed",
        };
        Assert.Equal($"HTTP/1.1 {status} {reason}\r\n{Cors}{rest}", answer);
    }

    [Fact]
    public void WithoutALeaderHealthFailsAndReadinessWaitsForItsRead()
    {
        // Nobody steps the core, so nobody is elected.
        Member member = NewMember();
        string health = member.Http("GET /health", settle: false);
        Has("{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n", health);
        Has("200 OK", member.Http("GET /health?serializable=true", settle: false));
        Has("503 Service", member.Http("GET /health?serializable=True", settle: false));
        Has("200 OK", member.Http("GET /livez", settle: false));
        Has("\"etcdcluster\":\"not_decided\"", member.Http("GET /version", settle: false));
        Assert.Equal("", member.Http("GET /readyz", settle: false));
        Has(" 200 OK", member.Started().Http("GET /readyz"));
    }

    [Fact]
    public void AHostThatIsNotListedIsToldSoWithoutCors()
    {
        Member member = NewMember(null, new HttpAccess(["good.example", "::1"], ["*"])).Started();
        string answer = member.Http("OPTIONS /health HTTP/1.1\r\nHost: evil:80\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 421 Misdirected Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "X-Content-Type-Options: nosniff\r\nContent-Length: 366\r\n\r\n\netcd received your request, but the "
            + "Host header was unrecognized.\n\nTo fix this, choose", answer, StringComparison.Ordinal);
        Assert.EndsWith("--host-whitelist \"evil\"\n\nThis requirement has been added to help prevent "
            + "\"DNS Rebinding\" attacks (CVE-2018-5702).\n\n", answer, StringComparison.Ordinal);
        Has(" 200 ", member.Http("GET /health HTTP/1.1\r\nHost: good.example:2379\r\n\r\n"));
        Has(" 200 ", member.Http("GET /health HTTP/1.1\r\nHost: [::1]:2379\r\n\r\n"));
        Has(" 421 ", member.Http("GET /health HTTP/1.1\r\nHost: GOOD.example\r\n\r\n"));
        Has(" 200 ", member.Http("GET /health HTTP/1.1\r\nHost: evil\r\n\r\n", metricsPort: true));
    }

    [Fact]
    public void OnlyListedOriginsAreEchoed()
    {
        Member member = NewMember(null, new HttpAccess(["*"], ["http://a.example:80"])).Started();
        string request = "GET /version HTTP/1.1\r\nHost: x\r\nOrigin: http://{0}.example:80\r\n\r\n";
        Has("Access-Control-Allow-Origin: http://a.example:80\r\n",
            member.Http(request.Replace("{0}", "a", StringComparison.Ordinal)));
        string other = member.Http(request.Replace("{0}", "b", StringComparison.Ordinal));
        Has(" 200 ", other);
        Assert.DoesNotContain("Access-Control", other, StringComparison.Ordinal);
    }

    [Fact]
    public void AMetricsPortHasFewerPagesAndNoCors()
    {
        Member member = NewMember().Started();
        Has(" 404 ", member.Http("GET /version", metricsPort: true));
        string options = member.Http("OPTIONS /health", metricsPort: true);
        Has(" 405 ", options);
        Assert.DoesNotContain("Access-Control", options, StringComparison.Ordinal);
    }

    [Fact]
    public void TheMetricsPageCountsWhatHappened()
    {
        Member member = NewMember().Started();
        member.Http("GET /health");
        member.Http("GET /readyz");
        string page = member.Http("DELETE /metrics");
        const string put = "grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"";
        Has("Content-Type: text/plain; version=0.0.4; charset=utf-8; escaping=underscores\r\n", page);
        foreach (string line in new[]
        {
            "etcd_server_has_leader 1", "etcd_server_is_leader 1", "etcd_server_leader_changes_seen_total 1",
            "etcd_server_health_success 1", "etcd_cluster_version{cluster_version=\"3.5\"} 1",
            "etcd_server_healthchecks_total{name=\"non_learner\",status=\"success\",type=\"readyz\"} 1",
            "etcd_server_quota_backend_bytes 2.147483648e+09", "etcd_debugging_mvcc_compact_revision -1",
            "grpc_server_handled_total{grpc_code=\"OK\"," + put + "} 0",
            "promhttp_metric_handler_requests_total{code=\"200\"} 0",
            "etcd_server_apply_duration_seconds_count{op=\"PUT\",success=\"true\",version=\"v2\"} 2",
        })
        {
            Has("\n" + line + "\n", page);
        }
    }

    [Theory]
    [InlineData("/", "/")]
    [InlineData("/a/b/", "/a/b/")]
    [InlineData("//a/./b/../c", "/a/c")]
    [InlineData("/../..", "/")]
    [InlineData("/a/..", "/")]
    [InlineData("/a/../", "/")]
    public void PathsAreCleaned(string path, string clean) => Assert.Equal(clean, RequestPath.Clean(path));

    [Theory]
    [InlineData("%41%2f+", "A/+")]
    [InlineData("%", null)]
    [InlineData("a%4", null)]
    [InlineData("%zz", null)]
    public void EscapesAreUndone(string path, string? text)
    {
        Assert.Equal(text, RequestPath.Unescape(path, plusIsBlank: false));
    }

    [Fact]
    public void QueriesKeepTheOrderAndDropWhatIsBroken()
    {
        Assert.Equal(["1", "a b", ""], RequestPath.Query("x=1&y=2&x=a+b&x&x=%zz&x=3;4", "x"));
        Assert.Empty(RequestPath.Query("", ""));
    }
}
