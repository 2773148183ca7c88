// Maintenance.Alarm (spec api-v3 §2.8, §5.2). What the applier does not know must never reach the log: a poisoned entry
// would be met again at every start. Stateless; any I/O thread.
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>Checks of alarm requests; what is proposed is encoded anew.</summary>
internal sealed class AlarmRules(EtcdServer server) : IProposedRules
{
    private const int Activate = 1;
    private const int Deactivate = 2;

    public RaftOp Op => RaftOp.Alarm;

    public bool TryCheck(ReadOnlySpan<byte> message, out EtcdError? error)
    {
        error = null;
        return TryRead(message, out _, out _, out _);
    }

    /// <summary>An unknown action, or an unknown alarm to activate, changes nothing and lists nothing.</summary>
    public bool TryAnswer(ReadOnlySpan<byte> message, ApiCall call, ApiLoop home)
    {
        _ = TryRead(message, out int action, out _, out int kind);
        bool known = action is >= 0 and <= Deactivate
            && (action != Activate || kind is >= 0 and <= (int)AlarmKind.Corrupt);
        if (!known)
        {
            Answers.Send(call, server.HeaderAt(home.Revision), ReadOnlySpan<byte>.Empty);
        }

        return !known;
    }

    public ReadOnlySpan<byte> Body(ReadOnlySpan<byte> message, Span<byte> scratch)
    {
        _ = TryRead(message, out int action, out ulong member, out int kind);
        var writer = new ProtoWriter(scratch);
        writer.NonZero(1, (ulong)action);
        writer.NonZero(2, member);
        writer.NonZero(3, (ulong)kind);
        return scratch[..writer.Position];
    }

    private static bool TryRead(ReadOnlySpan<byte> message, out int action, out ulong member, out int kind)
    {
        (action, member, kind) = (0, 0, 0);
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    action = reader.ReadInt32();
                    break;
                case 2:
                    member = reader.ReadVarint();
                    break;
                case 3:
                    kind = reader.ReadInt32();
                    break;
                default:
                    break;
            }
        }

        return !reader.Failed;
    }
}
