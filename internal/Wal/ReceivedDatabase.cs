// A db on its way in with a snapshot (spec storage §6.3, §10a.3): bytes under a temporary name, durable before they get their
// own, the name durable before anybody hears of it (DESIGN 4.5 d). Owned by: whoever receives; one thread at a time.
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Wal;

/// <summary>One received db. Finish or dispose it.</summary>
public sealed class ReceivedDatabase : IDisposable
{
    private readonly IDisk _disk;
    private readonly IDiskFile _file;
    private readonly string _final;
    private readonly Log _log;
    private long _length;
    private bool _ended;

    internal ReceivedDatabase(IDisk disk, IDiskFile file, string final, Log log)
    {
        _disk = disk;
        _file = file;
        _final = final;
        _log = log;
    }

    /// <summary>Adds bytes; after a failure only <see cref="Dispose"/> is left.</summary>
    public WalError Write(ReadOnlySpan<byte> bytes)
    {
        Errno e = _file.WriteAt(bytes, _length);
        _length += bytes.Length;
        return e.Failed ? WalError.Disk("write", _file.Path, e) : WalError.None;
    }

    /// <summary>All bytes are there: gives the file its name, durably. One that has the name already stays, and this copy
    /// goes.</summary>
    public WalError Finish()
    {
        string temporary = _file.Path;
        Errno e = _file.Sync();
        _file.Dispose();
        _ended = true;
        if (e.Failed)
        {
            _ = _disk.Remove(temporary);
            return WalError.Disk("sync", temporary, e);
        }

        if (!_disk.Status(_final, out _).Failed)
        {
            _ = _disk.Remove(temporary);
            return WalError.None;
        }

        e = _disk.Rename(temporary, _final);
        if (e.Failed)
        {
            _ = _disk.Remove(temporary);
            return WalError.Disk("rename", $"{temporary} {_final}", e);
        }

        string directory = Path.GetDirectoryName(_final)!;
        e = _disk.SyncDirectory(directory);
        if (e.Failed)
        {
            return WalError.Disk("sync", directory, e);
        }

        _log.Info("snap/db.go", "saved database snapshot to disk").With("path", _final).With("bytes", _length)
            .With("size", HumanBytes.Text(_length)).Write();
        return WalError.None;
    }

    /// <summary>Gives an unfinished one up.</summary>
    public void Dispose()
    {
        if (!_ended)
        {
            _ended = true;
            _file.Dispose();
            _ = _disk.Remove(_file.Path);
        }
    }
}
