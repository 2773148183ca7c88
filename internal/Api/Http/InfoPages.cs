// /version and /metrics (spec api-v3 §9, §10). Owned by: the I/O thread of the request.
using System.Buffers;
using System.Text;
using EtcdAot.Mvcc;
using EtcdAot.Observe;
using EtcdAot.Server;

namespace EtcdAot.Api.Http;

/// <summary>Serves /version.</summary>
internal sealed class VersionPage(EtcdServer server) : IHttpPage
{
    public void Serve(PageRequest request)
    {
        string cluster = server.Members.Version;
        string json = $$"""
            {"etcdserver":"{{EtcdVersion.Server}}","etcdcluster":"{{(cluster.Length > 0 ? cluster : "not_decided")}}"}
            """;
        request.Response.Send(200, "application/json", Encoding.UTF8.GetBytes(json));
    }
}

/// <summary>Serves /metrics, whatever the method: about 100 KB, written in one wake.</summary>
internal sealed class MetricsPage : IHttpPage
{
    private readonly EtcdServer _server;
    private readonly Counter _scrapes = new();
    private long _keys;

    public MetricsPage(EtcdServer server)
    {
        _server = server;
        MetricsRegistry registry = server.Metrics.Registry;
        registry.Gauge("etcd_debugging_mvcc_keys_total", "Total number of keys.", () => Volatile.Read(ref _keys));
        registry.Gauge("promhttp_metric_handler_requests_in_flight",
            "Current number of scrapes being served.", static () => 1);
        registry.Labeled("promhttp_metric_handler_requests_total", "counter",
            "Total number of scrapes by HTTP status code.", text =>
            {
                text.Sample("code=\"200\"", _scrapes.Value);
                text.Sample("code=\"500\"", 0);
                text.Sample("code=\"503\"", 0);
            });
    }

    public bool OnlyGet => false;

    public void Serve(PageRequest request)
    {
        // The index may only be read inside a wake's view.
        View view = request.Home.BeginRead();
        Volatile.Write(ref _keys, view.Count(new KeyRange([0], [0])));
        request.Home.EndRead();
        var text = new ArrayBufferWriter<byte>(128 * 1024);
        _server.Metrics.Registry.WriteTo(text);
        _scrapes.Add();
        request.Response.Send(
            200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", text.WrittenSpan);
    }
}
