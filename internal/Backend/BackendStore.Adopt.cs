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
        // Open before it gets the name, so that its lock is on the name from the first moment on.
        BoltError error = Db.Open(
            _disk, path, BoltOptions(_options) with { ReadersByEpoch = false, FinishesCreation = false }, out Db? fresh);
        error = error.Failed ? error : CreateBuckets(fresh!);
        string? text = error.Text;
        if (text is null)
        {
            Errno errno = _disk.Rename(path, _path);
            int slash = _path.LastIndexOf('/');
            errno = errno.Failed ? errno : _disk.SyncDirectory(slash > 0 ? _path[..slash] : slash == 0 ? "/" : ".");
            text = errno.Failed ? $"failed to rename database snapshot file (rename {path} {_path}: {errno})" : null;
        }

        if (text is not null)
        {
            fresh?.Dispose();
            _broken = true;
            Tell(new Report(null, null, null, done, text, IsAdoption: true));
            return;
        }

        Db old = _db;
        _db = fresh!;
        _db.TakePlace(_path);
        Tell(new Report(null, new BackendSnapshot(_db), old, done, null, IsAdoption: true));
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
        _consistentIndex = ReadNumber(BackendNames.ConsistentIndex);
        _term = ReadNumber(BackendNames.Term);
        DurableIndex = _consistentIndex;
        _confState = null;
        _forced = false;
    }
}
