// Leases of a member: the lessor's state, what applies to it from the log, and the leader's clock over it.
// Owned by: core thread.
using EtcdAot.Backend;
using EtcdAot.Mvcc;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Server;

/// <summary>Leases.</summary>
public sealed class LeaseKeeper : ILeaseLedger
{
    public bool Exists(long lease) => false;

    public void Attach(long lease, ReadOnlySpan<byte> key)
    {
    }

    public void Detach(ReadOnlySpan<byte> key)
    {
    }

    internal bool TryRestore(BackendSnapshot snapshot, out string problem)
    {
        problem = "";
        return true;
    }

    internal void OnFirstOfTerm()
    {
    }

    internal void OnRole(bool leads, long now)
    {
    }

    internal void Publish()
    {
    }

    internal long Step(long now, bool leads, RaftLoop loop, Applier applier) => long.MaxValue;

    internal EtcdError? Apply(in InternalRequestView request, Proposal? proposal, Store store) => EtcdError.LeaseNotFound;
}
