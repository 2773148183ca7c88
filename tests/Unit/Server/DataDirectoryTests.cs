using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Tests.Unit.Fakes;

namespace EtcdAot.Tests.Unit.Server;

/// <summary>Goal: the directories of a member are there after a loss of power, whatever is acknowledged out of them
/// later (DESIGN 4.5 d). Found by the simulator: the name of the data directory itself was never synced.</summary>
public class DataDirectoryTests
{
    private static readonly ServerOptions Options = new() { DataDir = "/some/where/data" };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void DirectoriesOutliveALossOfPower(bool madeByAnEarlierProcess)
    {
        for (int seed = 0; seed < 20; seed++)
        {
            var disk = new FaultyDisk();
            if (madeByAnEarlierProcess)
            {
                // It was killed before it synced any of the names.
                foreach (string path in (string[])["/some", "/some/where", "/some/where/data", "/some/where/data/member"])
                {
                    Assert.False(disk.MakeDirectory(path, 0x1C0).Failed);
                }

                Assert.False(disk.SyncDirectory("/").Failed);
                Assert.False(disk.SyncDirectory("/some").Failed);
            }

            Assert.Null(new DataDirectory(disk, Log.None).Prepare(Options));
            Assert.False(disk.Crash(seed).Status(Options.SnapDir, out _).Failed);
        }
    }
}
