using EtcdAot.Backend;
using EtcdAot.Mvcc;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Mvcc;

/// <summary>Goal: a file that a defragmentation replaced stays mapped as long as a reader's view lies in it, and no longer,
/// also when one defragmentation follows the other.</summary>
public sealed class DefragmentationTests : IDisposable
{
    private readonly StoreRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void EachReplacedFileWaitsForItsOwnReaders()
    {
        int other = _rig.Readers.Register();
        _ = _rig.Put("a", "1");
        _rig.Pump();
        _rig.Readers.Enter(_rig.Reader);
        Defragment();
        _rig.Readers.Enter(other);
        View second = _rig.Store.Current;
        Defragment();
        Assert.Equal(3, MappedFiles());

        _rig.Readers.Exit(_rig.Reader);
        Settle();
        Assert.Equal(2, MappedFiles());
        var sink = new StoreRig.ListSink([]);
        RangeResult result = second.Range(new RangeRequestView { Key = "a"u8 }, _rig.Scratch, ref sink);
        Assert.Equal((MvccStatus.Ok, 1L), (result.Status, result.Count));

        _rig.Readers.Exit(other);
        Settle();
        Assert.Equal(1, MappedFiles());
    }

    private void Settle()
    {
        _ = _rig.Put("b", "2");
        _ = _rig.Store.Publish();
        _ = _rig.Backend.Step(0);
    }

    private void Defragment()
    {
        DefragmentResult? result = null;
        _rig.Backend.RequestDefragment(r => result = r);
        _ = _rig.Backend.Step(0);
        _ = _rig.Backend.Poll(1);
        Assert.Equal(new DefragmentResult(null, IsFatal: false), result);
        Assert.True(_rig.Store.Publish());
    }

    // A map's line ends with inode and path; a removed file's with " (deleted)" besides.
    private int MappedFiles()
    {
        return File.ReadLines("/proc/self/maps").Where(line => line.Contains(_rig.Path, StringComparison.Ordinal))
            .Select(static line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4]).Distinct().Count();
    }
}
