// Ids of requests on their way through the log (spec storage §7.2): unique among what is in flight of one member.
namespace EtcdAot.Server;

/// <summary>Gives request ids; any thread.</summary>
public sealed class RequestIds
{
    private const ulong LowMask = 0xFFFF_FFFF_FFFF;
    private readonly ulong _prefix;
    private ulong _low;

    /// <param name="memberId">Its low 16 bits become the high ones.</param>
    /// <param name="unixMillis">Wall time at start; keeps ids of two lives apart.</param>
    public RequestIds(ulong memberId, long unixMillis)
    {
        _prefix = memberId << 48;
        _low = ((ulong)unixMillis & 0xFF_FFFF_FFFF) << 8;
    }

    public ulong Next() => _prefix | (Interlocked.Increment(ref _low) & LowMask);
}
