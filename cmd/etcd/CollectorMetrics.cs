// What .NET's collector does to this process, as metrics under our own names: the original has none of them, as we have none
// of its go_*. Read at each scrape, on the scraping I/O thread; the watch runs on the finalizer thread.
using EtcdAot.Observe;

namespace EtcdAot.Cmd.Etcd;

/// <summary>Adds etcdaot_gc_* and etcdaot_managed_*.</summary>
internal static class CollectorMetrics
{
    /// <summary>Adds them all and begins to watch collections.</summary>
    public static void AddTo(MetricsRegistry registry)
    {
        _ = new CollectionWatch();
        registry.Gauge("etcdaot_managed_heap_bytes", "Bytes in use on the managed heap, dead objects not yet collected included.",
            static () => GC.GetTotalMemory(forceFullCollection: false));
        registry.Gauge("etcdaot_managed_committed_bytes", "Bytes that the managed heap had taken from the system at its last collection.",
            static () => GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes);
        registry.CounterOf("etcdaot_managed_allocated_bytes_total", "Bytes allocated on the managed heap since the start.",
            static () => GC.GetTotalAllocatedBytes(precise: false));
        registry.CounterOf("etcdaot_gc_collections_total", "Collections of any generation since the start.",
            static () => GC.CollectionCount(0));
        registry.CounterOf("etcdaot_gc_pause_seconds_total", "Time for which collections stopped all threads.",
            static () => GC.GetTotalPauseDuration().TotalSeconds);
        registry.Gauge("etcdaot_gc_pause_seconds_max",
            "Longest stop by a collection; collections too close to be told apart count as one.",
            static () => CollectionWatch.LongestPause.TotalSeconds);
    }

    /// <summary>Looks at the sum of all pauses after each collection: an object that nobody holds is finalized by the
    /// next one and leaves a successor. Two collections before the finalizer thread runs are seen as one that took as
    /// long as both, so the longest pause may be told too long, never too short.</summary>
    private sealed class CollectionWatch
    {
        private static long _total;
        private static long _longest;

        public static TimeSpan LongestPause
        {
            get
            {
                Look();
                return new TimeSpan(Volatile.Read(ref _longest));
            }
        }

        ~CollectionWatch()
        {
            Look();
            if (!Environment.HasShutdownStarted)
            {
                _ = new CollectionWatch();
            }
        }

        private static void Look()
        {
            long total = GC.GetTotalPauseDuration().Ticks;
            long pause = total - Interlocked.Exchange(ref _total, total);
            long longest = Volatile.Read(ref _longest);
            while (pause > longest)
            {
                long before = Interlocked.CompareExchange(ref _longest, pause, longest);
                longest = before == longest ? pause : before;
            }
        }
    }
}
