using EtcdAot.Tests.Simulation.Checkers;

namespace EtcdAot.Tests.Model.Simulation;

/// <summary>Goal: the simulator's linearizability checker accepts what one copy could have given and refuses the rest. Method:
/// histories by hand, and drawn ones that are good by construction, then spoilt by one stale read.</summary>
public class CheckerTests
{
    [Fact]
    public void KnownHistoriesAreJudgedRightly() => Assert.Null(SelfCheck.FindWrong());
}
