// Taking a received db for the own one (spec storage §7.6): renamed over the old file, opened, told to the core, which then
// rebuilds everything from it. Readers of the old file follow it until they have passed. Nothing may be added to the batch
// between the order and its report.
using EtcdAot.Bolt;
using EtcdAot.Observe;
using EtcdAot.Sys;

namespace EtcdAot.Backend;

public sealed partial class BackendStore
{
    /// <summary>Core thread: makes a file in the db's directory the db. Until <paramref name="done"/> is called, nothing may
    /// be put, deleted or applied.</summary>
    /// <param name="path">The received file; durable, and its name too.</param>
    /// <param name="done">Gets null, or the text why the member cannot go on; on the core thread, with
    /// <see cref="Snapshot"/> and <see cref="ConsistentIndex"/> those of the new db.</param>
    public void Adopt(string path, Action<string?> done)
    {
        Invariant.Check(!_adopting, "one received db is adopted after the other");
        CloseBatch();
        _adopting = true;
        Send(new Order(OrderKind.Adopt, path, result => done((string?)result)));
    }

    private void Adopt(string path, Action<object?> done)
    {
        Errno errno = _disk.Rename(path, _path);
        int slash = _path.LastIndexOf('/');
        errno = errno.Failed || slash <= 0 ? errno : _disk.SyncDirectory(_path[..slash]);
        string? text = errno.Failed ? $"failed to rename database snapshot file (rename {path} {_path}: {errno})" : null;
        Db? fresh = null;
        if (text is null)
        {
            BoltError error = Db.Open(_disk, _path, BoltOptions(_options), out fresh);
            error = error.Failed ? error : CreateBuckets(fresh!);
            text = error.Text;
        }

        if (text is not null)
        {
            _broken = true;
            Tell(new Report(null, null, null, done, text, IsAdoption: true));
            return;
        }

        Db old = _db;
        _db = fresh!;
        _file++;
        var snapshot = new BackendSnapshot(_db.Current, _db.InUseBytes, _file);
        Tell(new Report(null, snapshot, old, done, null, IsAdoption: true));
    }

    private void TakeAdopted(in Report report)
    {
        _adopting = false;
        if (report.Snapshot is null)
        {
            return;
        }

        Invariant.Check(_open.Operations == 0, "nothing was added while another db took the place of the old one");
        Snapshot = report.Snapshot;
        _releaseBefore = 0;
        _consistentIndex = ReadNumber(BackendNames.ConsistentIndex);
        _term = ReadNumber(BackendNames.Term);
        DurableIndex = _consistentIndex;
        _confState = null;
        _forced = false;
    }
}
