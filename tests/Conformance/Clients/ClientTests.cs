using EtcdAot.Tests.Conformance.Servers;

namespace EtcdAot.Tests.Conformance.Clients;

/// <summary>Goal: the original's clients of three versions work on our server as on the original of their own version:
/// same exit codes, same output, same errors, and the output that is written down here.</summary>
public class ClientTests
{
    [Theory]
    [InlineData("3.4")]
    [InlineData("3.5-old")]
    [InlineData("3.5")]
    public void EtcdctlWorksOnOurServerAsOnItsOwn(string level)
    {
        using var scratch = new Scratch();
        string etcdctl = Programs.Oracle(level, "etcdctl");
        using EtcdProcess ours = EtcdProcess.Start(Programs.Etcd, scratch["ours"]);
        using EtcdProcess original = EtcdProcess.Start(Programs.Oracle(level, "etcd"), scratch["original"]);
        var onOurs = new ClientRun(etcdctl, ours, Directory.CreateDirectory(scratch["a"]).FullName);
        var onOriginal = new ClientRun(etcdctl, original, Directory.CreateDirectory(scratch["b"]).FullName);
        var faults = new List<string>();
        foreach (ClientStep step in ClientStep.All)
        {
            ClientAnswer expected = onOriginal.Run(step);
            ClientAnswer found = onOurs.Run(step);
            if (expected != found)
            {
                faults.Add($"{step}\n  original: {expected}\n  ours:     {found}");
            }

            if (expected.Exit != step.Exit || (step.Expected is not null && expected.Output != step.Expected))
            {
                faults.Add($"{step}\n  original: {expected}\n  written:  {step.Exit} {step.Expected}");
            }
        }

        Assert.True(faults.Count == 0, $"{faults.Count} of {ClientStep.All.Count} differ\n{string.Join('\n', faults)}");
    }
}
