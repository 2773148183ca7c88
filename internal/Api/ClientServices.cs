// Everything that a client port serves, put together once for a member: gRPC, the HTTP/1 mux, and the smaller mux of
// metrics ports. Made before the first connection, immutable afterwards; any I/O thread.
using EtcdAot.Api.Http;
using EtcdAot.Grpc;
using EtcdAot.Http.H1;
using EtcdAot.Server;

namespace EtcdAot.Api;

/// <summary>The services of a member's client ports.</summary>
public sealed class ClientServices
{
    /// <summary>Room of a gRPC message beside the largest request (spec api-v3 §1.2).</summary>
    private const int MessageOverhead = 512 * 1024;

    private readonly ApiLoops _loops;

    public ClientServices(EtcdServer server, HttpAccess access)
    {
        var loops = new ApiLoops(server);
        var watch = new CallWatch(loops);
        Grpc = new GrpcServer(new GrpcServerOptions
        {
            MaxReceiveBytes = server.Options.MaxRequestBytes + MessageOverhead,
            Interceptor = watch,
        });
        _loops = loops;
        ApiServices.Bind(Grpc, loops);
        watch.Attach(Grpc.Methods);
        var mux = new HttpMux(loops, access);
        var metricsMux = new HttpMux(loops, access: null);
        mux.Add("/version", new VersionPage(server));
        AddCommon(server, mux, metricsMux);
        Http = mux;
        MetricsHttp = metricsMux;
    }

    /// <summary>HTTP/2 streams.</summary>
    public GrpcServer Grpc { get; }

    /// <summary>HTTP/1 on a client port.</summary>
    public IHttp1Handler Http { get; }

    /// <summary>HTTP/1 on a metrics port: no whitelist, no CORS, fewer pages.</summary>
    public IHttp1Handler MetricsHttp { get; }

    /// <summary>Gives back the memory of services whose member has died.</summary>
    internal void Abandon() => _loops.Abandon();

    private static void AddCommon(EtcdServer server, params HttpMux[] muxes)
    {
        var health = new HealthPage(server);
        var metrics = new MetricsPage(server);
        ProbeResults live = ProbeResults.Live();
        ProbeResults ready = ProbeResults.Ready();
        ProbeResults.AddTo(server.Metrics.Registry, live, ready);
        foreach (HttpMux mux in muxes)
        {
            mux.Add("/health", health);
            mux.Add("/metrics", metrics);
            Probes.AddTo(mux, server, live, ready);
        }
    }
}
