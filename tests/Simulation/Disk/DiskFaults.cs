// What a simulated disk does wrong and how long it takes; its rates are drawn, its moments too.
using EtcdAot.Sys;
using EtcdAot.Tests.Simulation.World;

namespace EtcdAot.Tests.Simulation.Disk;

/// <summary>Faults and latency of one disk.</summary>
internal sealed class DiskFaults(Dice dice)
{
    private readonly long _typicalSync = dice.Spread(50 * World.World.Microsecond, 5 * World.World.Millisecond);

    /// <summary>Changing calls until the power fails in the middle of one; −1 for never.</summary>
    public int CallsUntilPowerLoss { get; set; } = -1;

    /// <summary>Syncs until one fails with EIO; −1 for never.</summary>
    public int SyncsUntilError { get; set; } = -1;

    /// <summary>Writes until one fails with EIO; −1 for never.</summary>
    public int WritesUntilError { get; set; } = -1;

    /// <summary>Bytes that may be occupied.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    /// <summary>Every sync takes so many times as long.</summary>
    public double Slowness { get; set; } = 1;

    /// <summary>The next sync takes so long.</summary>
    public long NextHang { get; set; }

    /// <summary>Errors given to the member.</summary>
    public int Errors { get; set; }

    /// <summary>Those given to its log or db, after which it must end itself.</summary>
    public int DeadlyErrors { get; set; }

    /// <summary>How long this sync takes, nanoseconds.</summary>
    public long SyncNanos()
    {
        long hang = NextHang;
        NextHang = 0;
        return hang + (long)(_typicalSync * Slowness * (0.5 + dice.Unit()));
    }

    public Errno OnSync() => Count(SyncsUntilError, v => SyncsUntilError = v) ? Errno.InputOutput : Errno.Ok;

    public Errno OnWrite() => Count(WritesUntilError, v => WritesUntilError = v) ? Errno.InputOutput : Errno.Ok;

    /// <summary>True when the power fails at this call.</summary>
    public bool LosesPower() => Count(CallsUntilPowerLoss, v => CallsUntilPowerLoss = v);

    /// <summary>The disk is sound again.</summary>
    public void Heal()
    {
        CallsUntilPowerLoss = -1;
        SyncsUntilError = -1;
        WritesUntilError = -1;
        Capacity = long.MaxValue;
        Slowness = 1;
        NextHang = 0;
    }

    private static bool Count(int left, Action<int> set)
    {
        if (left >= 0)
        {
            set(left - 1);
        }

        return left == 0;
    }
}
