using EtcdAot.Backend;
using EtcdAot.Bolt;
using EtcdAot.Mvcc;
using EtcdAot.Sys;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Unit.Mvcc;

/// <summary>A store over a real db file in a temporary directory, pumped by the test's one thread.</summary>
internal sealed class StoreRig : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("etcdaot-mvcc").FullName;
    private readonly StoreOptions _options;
    private readonly ILeaseLedger? _leases;
    private long _now = 1;

    public StoreRig(StoreOptions? options = null, ILeaseLedger? leases = null, string? seedFile = null)
    {
        _options = options ?? new StoreOptions { CompactionPauseNanos = 0, CompactionBatch = 50 };
        _leases = leases;
        if (seedFile is not null)
        {
            File.Copy(seedFile, Path);
        }

        Open();
        Reader = Readers.Register();
    }

    public string Path => System.IO.Path.Combine(_directory, "db");

    public ReaderRegistry Readers { get; private set; } = new();

    public int Reader { get; }

    public BackendStore Backend { get; private set; } = null!;

    public Store Store { get; private set; } = null!;

    public RangeScratch Scratch { get; } = new();

    /// <summary>Lets every actor do what is due, a few times.</summary>
    public void Pump(int rounds = 1)
    {
        for (int i = 0; i < rounds; i++)
        {
            _now += 200_000_000;
            _ = Backend.Poll(_now);
            _ = Backend.Step(_now);
            _ = Backend.Poll(_now);
            _ = Store.Step(_now);
            _ = Store.Publish();
        }
    }

    /// <summary>Closes and opens again, as a restart.</summary>
    public void Restart()
    {
        Backend.Close();
        Store.Dispose();
        Open();
    }

    /// <summary>Opens again from a copy of the file as it is now, as after a kill.</summary>
    public void Crash()
    {
        string copy = Path + ".copy";
        Assert.False(LinuxDisk.Instance.Open(Path, OpenFlags.Read, 0, out IDiskFile? file).Failed);
        Assert.False(file!.Length(out long length).Failed);
        byte[] bytes = new byte[length];
        Assert.False(file.ReadAt(bytes, 0, out _).Failed);
        file.Dispose();
        File.WriteAllBytes(copy, bytes);
        Backend.Close();
        Store.Dispose();
        File.Move(copy, Path, overwrite: true);
        Open();
    }

    public long Put(string key, string value, long lease = 0) => Put(Bytes(key), Bytes(value), lease);

    public long Put(byte[] key, byte[] value, long lease = 0)
    {
        WriteTxn txn = Store.BeginWrite();
        MvccStatus status = txn.Put(new PutRequestView { Key = key, Value = value, Lease = lease }, out _);
        Assert.Equal(MvccStatus.Ok, status);
        return txn.End();
    }

    public long Delete(string key, string end = "")
    {
        WriteTxn txn = Store.BeginWrite();
        NoDeleteSink sink = default;
        long n = txn.DeleteRange(new KeyRange(Bytes(key), Bytes(end)), false, ref sink);
        _ = txn.End();
        return n;
    }

    public List<Kv> Range(in RangeRequestView request, out RangeResult result)
    {
        var sink = new ListSink([]);
        Readers.Enter(Reader);
        result = Store.Current.Range(request, Scratch, ref sink);
        Readers.Exit(Reader);
        return sink.Items;
    }

    public HashKvResult HashKv(long revision)
    {
        Readers.Enter(Reader);
        MvccStatus status = HashKvJob.Begin(Store, Store.Current, revision, out HashKvJob? job, out HashKvResult? cached);
        Assert.Equal(MvccStatus.Ok, status);
        if (cached is not null)
        {
            Readers.Exit(Reader);
            return cached.Value;
        }

        while (!job!.Step(Store.Current, 7))
        {
        }

        Readers.Exit(Reader);
        job.Dispose();
        return job.Result;
    }

    public static byte[] Bytes(string text) => System.Text.Encoding.Latin1.GetBytes(text);

    public void Dispose()
    {
        Backend.Close();
        Store.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private void Open()
    {
        BoltError error = BackendStore.Open(
            new LinuxDisk(), Path, new BackendOptions { NoSync = true }, Assert.Fail, out BackendStore? backend);
        Assert.Equal(BoltError.Ok, error);
        Backend = backend!;
        Store = new Store(Backend, Readers, _options, _leases);
        Assert.True(Store.Restore(out string restored), restored);
    }

    internal readonly struct ListSink(List<Kv> items) : IRangeSink
    {
        public List<Kv> Items { get; } = items;

        public void Add(ReadOnlySpan<byte> keyValue) => Items.Add(Kv.Parse(keyValue));
    }
}

/// <summary>A KeyValue as text.</summary>
internal sealed record Kv(string Key, string Value, long Create, long Mod, long Version, long Lease)
{
    public static Kv Parse(ReadOnlySpan<byte> bytes)
    {
        Assert.True(KeyValueView.TryParse(bytes, out KeyValueView kv));
        return new Kv(
            System.Text.Encoding.Latin1.GetString(kv.Key),
            System.Text.Encoding.Latin1.GetString(kv.Value),
            kv.CreateRevision,
            kv.ModRevision,
            kv.Version,
            kv.Lease);
    }
}
