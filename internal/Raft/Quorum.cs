// Majority arithmetic over small sets of voters. Pure functions; no allocation for clusters of sane size.
namespace EtcdAot.Raft;

/// <summary>Outcome of a vote.</summary>
public enum VoteResult
{
    /// <summary>Undecided.</summary>
    Pending,
    Lost,
    Won,
}

/// <summary>Decisions of a majority of voters.</summary>
public static class Quorum
{
    /// <summary>Votes needed among <paramref name="voters"/>.</summary>
    public static int Size(int voters) => (voters / 2) + 1;

    /// <summary>The result once <paramref name="granted"/> and <paramref name="rejected"/> have come in. No voters: won,
    /// as an empty majority decides nothing (raft's convention).</summary>
    public static VoteResult Vote(int voters, int granted, int rejected)
    {
        if (voters == 0 || granted >= Size(voters))
        {
            return VoteResult.Won;
        }

        return granted + (voters - granted - rejected) >= Size(voters) ? VoteResult.Pending : VoteResult.Lost;
    }

    /// <summary>The highest index that a majority has reached; sorts <paramref name="matches"/>. ulong.MaxValue for no
    /// voters.</summary>
    public static ulong Committed(Span<ulong> matches)
    {
        if (matches.IsEmpty)
        {
            return ulong.MaxValue;
        }

        // Insertion sort: clusters have 1 to 9 voters.
        for (int i = 1; i < matches.Length; i++)
        {
            ulong value = matches[i];
            int j = i - 1;
            while (j >= 0 && matches[j] > value)
            {
                matches[j + 1] = matches[j];
                j--;
            }

            matches[j + 1] = value;
        }

        return matches[matches.Length - Size(matches.Length)];
    }
}
