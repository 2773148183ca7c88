// Requests in flight, by id, in order of arrival: the core finds whose entry it applied, and who waited too long.
// Owned by: core thread.

namespace EtcdAot.Server;

/// <summary>Proposals waiting for their entry to be applied.</summary>
internal sealed class PendingRequests
{
    private readonly Dictionary<ulong, Proposal> _byId = [];
    private Proposal? _oldest;
    private Proposal? _newest;

    /// <summary>Requests in flight.</summary>
    public int Count => _byId.Count;

    public void Add(Proposal proposal)
    {
        _byId.Add(proposal.Id, proposal);
        proposal.Previous = _newest;
        proposal.Following = null;
        if (_newest is null)
        {
            _oldest = proposal;
        }
        else
        {
            _newest.Following = proposal;
        }

        _newest = proposal;
    }

    /// <summary>Takes the request out; null when nobody here waits for it.</summary>
    public Proposal? Take(ulong id)
    {
        if (!_byId.Remove(id, out Proposal? proposal))
        {
            return null;
        }

        Unlink(proposal);
        return proposal;
    }

    /// <summary>Takes out the oldest request that began before a time; null when there is none.</summary>
    public Proposal? TakeStartedBefore(long nanos)
    {
        Proposal? oldest = _oldest;
        if (oldest is null || oldest.StartNanos >= nanos)
        {
            return null;
        }

        _byId.Remove(oldest.Id);
        Unlink(oldest);
        return oldest;
    }

    private void Unlink(Proposal proposal)
    {
        if (proposal.Previous is null)
        {
            _oldest = proposal.Following;
        }
        else
        {
            proposal.Previous.Following = proposal.Following;
        }

        if (proposal.Following is null)
        {
            _newest = proposal.Previous;
        }
        else
        {
            proposal.Following.Previous = proposal.Previous;
        }

        proposal.Previous = null;
        proposal.Following = null;
    }
}
