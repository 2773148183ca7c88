// A catch-up response that one scan did not finish: its encoded events until they leave as one message (spec api-v3 §3.2:
// a response ends by revisions, not by bytes). owned by: one WatchHub, which bounds the bytes of all of them together.
namespace EtcdAot.Mvcc.Watch;

/// <summary>Events of a watcher, gathered over several scans.</summary>
internal sealed class PartialResponse(long from)
{
    private readonly List<int> _ends = [];
    private byte[] _bytes = [];
    private long _lastRevision;

    /// <summary>The watcher's cursor before the first of the scans.</summary>
    public long From => from;

    /// <summary>Bytes gathered.</summary>
    public int Length { get; private set; }

    /// <summary>Distinct revisions gathered.</summary>
    public int Revisions { get; private set; }

    /// <summary>Revision of the last event.</summary>
    public long LastRevision => _lastRevision;

    /// <summary>Appends what a scan found.</summary>
    /// <param name="batch">Its events.</param>
    /// <param name="revisions">Distinct revisions, those before included.</param>
    public void Add(in WatchBatch batch, int revisions)
    {
        if (batch.Ends.IsEmpty)
        {
            return;
        }

        int length = Length + batch.Events.Length;
        if (_bytes.Length < length)
        {
            Array.Resize(ref _bytes, Math.Max(length, (int)Math.Min(2L * _bytes.Length, Array.MaxLength)));
        }

        batch.Events.CopyTo(_bytes.AsSpan(Length));
        foreach (int end in batch.Ends)
        {
            _ends.Add(Length + end);
        }

        (Length, Revisions, _lastRevision) = (length, revisions, batch.LastRevision);
    }

    /// <summary>Everything gathered, as one response.</summary>
    public WatchBatch Batch(long headerRevision) => new()
    {
        HeaderRevision = headerRevision,
        Events = _bytes.AsSpan(0, Length),
        Ends = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_ends),
        LastRevision = _lastRevision,
    };
}
