using EtcdAot.Backend;
using EtcdAot.Bolt;
using EtcdAot.Lease;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Lease;

/// <summary>A lessor over a real db file in a temporary directory.</summary>
internal sealed class LessorRig : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("etcdaot-lease").FullName;
    private readonly LessorOptions _options;
    private long _now = 1;

    public LessorRig(LessorOptions? options = null)
    {
        _options = options ?? new LessorOptions();
        Open();
        Lessor = New();
    }

    public BackendStore Backend { get; private set; } = null!;

    public Lessor Lessor { get; private set; }

    /// <summary>Makes everything written so far visible in the snapshot.</summary>
    public void Commit()
    {
        for (int i = 0; i < 2; i++)
        {
            _now += 200_000_000;
            _ = Backend.Poll(_now);
            _ = Backend.Step(_now);
        }

        _ = Backend.Poll(_now);
    }

    /// <summary>Closes and opens again; the lessor is restored.</summary>
    public bool TryRestart(out string problem)
    {
        Lessor.Dispose();
        Backend.Close();
        Open();
        Lessor = New();
        return Lessor.Restore(out problem);
    }

    public void Dispose()
    {
        Lessor.Dispose();
        Backend.Close();
        Directory.Delete(_directory, recursive: true);
    }

    private Lessor New() => new(Backend, _options);

    private void Open()
    {
        BoltError error = BackendStore.Open(new LinuxDisk(), Path.Combine(_directory, "db"),
            new BackendOptions { NoSync = true }, Assert.Fail, out BackendStore? backend);
        Assert.Equal(BoltError.Ok, error);
        Backend = backend!;
    }
}
