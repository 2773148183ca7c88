using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Tests.Model.Raft;

/// <summary>Rates of one episode, in 10,000 of a step; drawn from its seed, so that some episodes are calm and some wild.</summary>
internal sealed class Faults
{
    public Faults(Dice dice)
    {
        Loss = Pick(dice, 0, 100, 500, 2000);
        Duplication = Pick(dice, 0, 100, 1000);
        Reordering = Pick(dice, 0, 500, 3000);
        Crash = Pick(dice, 0, 10, 60);
        Hang = Pick(dice, 0, 5, 20);
        Partition = Pick(dice, 0, 5, 30);
        MemberChange = Pick(dice, 0, 10, 60);
        Transfer = Pick(dice, 0, 5, 50);
        Compaction = Pick(dice, 0, 20, 100);
        Campaign = Pick(dice, 0, 20, 100);
        Duel = Pick(dice, 0, 20, 100);
        Reboot = Pick(dice, 0, 20, 150);
        SlowDisk = Pick(dice, 0, 6000, 9000);
        Read = Pick(dice, 0, 100, 300);
        LateApply = dice.Chance(3000);
        SkipAnswers = dice.Chance(3000);
        VotersMin = dice.Chance(2000) ? 1 : 2;
        Config = new RaftConfig
        {
            Id = 1,
            ElectionTicks = Pick(dice, 2, 4, 10),
            PreVote = !dice.Chance(3000),
            InflightMax = Pick(dice, 2, 8, 512),
            MessageBytesMax = Pick(dice, 20, 200, 1 << 20),
            CommittedBytesMax = Pick(dice, 20, 1 << 20),
            UndurableBytesMax = Pick(dice, 400, 64 << 20),
        };
    }

    public int Loss { get; }

    public int Duplication { get; }

    public int Reordering { get; }

    public int Crash { get; }

    public int Hang { get; }

    public int Partition { get; }

    public int MemberChange { get; }

    public int Transfer { get; }

    public int Compaction { get; }

    public int Read { get; }

    /// <summary>Elections out of turn.</summary>
    public int Campaign { get; }

    /// <summary>Two members are told at once to take over, as by a transfer that was given up and begun anew.</summary>
    public int Duel { get; }

    /// <summary>Crashes that are over at once, so that messages of before still arrive.</summary>
    public int Reboot { get; }

    /// <summary>In 10,000 of the looks at a device: it has not moved.</summary>
    public int SlowDisk { get; }

    /// <summary>Entries that were handed out wait before they are applied.</summary>
    public bool LateApply { get; }

    /// <summary>Some answers of the device are lost; the next one speaks for them.</summary>
    public bool SkipAnswers { get; }

    /// <summary>Voters that the membership keeps. From two to one, raft as etcd has it can come to a stop: a leader that removes
    /// itself may hold a longer log than the one who stays, who then never gets its vote. Safe, but no end to wait for.</summary>
    public int VotersMin { get; }

    public RaftConfig Config { get; }

    public static int EncodeConfChange(ConfChangeType type, ulong id) => (1 << 28) | ((int)type << 8) | (int)id;

    public static (ConfChangeType Type, ulong Id) DecodeConfChange(int value)
    {
        return ((ConfChangeType)((value >> 8) & 0xFF), (ulong)(value & 0xFF));
    }

    private static int Pick(Dice dice, params ReadOnlySpan<int> choices) => choices[dice.Below(choices.Length)];
}
