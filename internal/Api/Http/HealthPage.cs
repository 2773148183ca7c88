// /health (spec api-v3 §9): alarms, then the leader, then a linearizable read. Owned by: the I/O thread of the request.
using System.Text;
using EtcdAot.Observe;
using EtcdAot.Server;

namespace EtcdAot.Api.Http;

/// <summary>Serves /health.</summary>
internal sealed class HealthPage : IHttpPage
{
    private const string Caller = "etcdhttp/health.go";

    private readonly EtcdServer _server;
    private readonly Log _log;
    private readonly Counter _good;
    private readonly Counter _bad;

    public HealthPage(EtcdServer server)
    {
        _server = server;
        _log = server.Maintenance.Log;
        _good = server.Metrics.Registry.Counter(
            "etcd_server_health_success", "The total number of successful health checks");
        _bad = server.Metrics.Registry.Counter(
            "etcd_server_health_failures", "The total number of failed health checks");
    }

    public void Serve(PageRequest request)
    {
        bool serializable = request.Query("serializable") is ["true", ..];
        if (FirstAlarm(request.Query("exclude")) is { } alarm)
        {
            Answer(request, "ALARM " + alarm);
        }
        else if (serializable)
        {
            // A local read of one key cannot fail.
            Answer(request, "");
        }
        else if (_server.Status.Leader == 0)
        {
            _log.Warn(Caller, "serving /health false; no leader").Write();
            Answer(request, "RAFT NO LEADER");
        }
        else
        {
            IndexRead.Begin(_server, request.Home,
                error => Answer(request, error is null ? "" : "RANGE ERROR:" + error.Text));
        }
    }

    private string? FirstAlarm(List<string> excluded)
    {
        foreach (ActiveAlarm alarm in _server.Alarms.Active)
        {
            string name = alarm.Kind switch
            {
                AlarmKind.NoSpace => "NOSPACE",
                AlarmKind.Corrupt => "CORRUPT",
                _ => "UNKNOWN",
            };
            if (!excluded.Contains(name))
            {
                _log.Warn(Caller, "serving /health false due to an alarm")
                    .With("alarm", $"memberID:{alarm.MemberId} alarm:{name} ").Write();
                return name;
            }
        }

        return null;
    }

    private void Answer(in PageRequest request, string reason)
    {
        if (reason.Length == 0)
        {
            _good.Add();
            request.Response.Send(200, null, """{"health":"true","reason":""}"""u8);
            return;
        }

        _bad.Add();
        var json = new StringBuilder("{\"health\":\"false\",\"reason\":\"");
        json.Append(reason).Append("\"}");
        _log.Warn(Caller, "/health error").With("output", json.ToString()).With("status-code", 503).Write();
        request.Response.SendText(503, json.ToString());
    }
}
