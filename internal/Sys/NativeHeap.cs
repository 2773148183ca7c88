// Reference-free memory in size classes (DESIGN 4.8): index pages, key records and histories live here, where the
// collector never looks. owned by: one thread, for Allocate, Free and Retire; readers only follow pointers.
// It must never give back what a reader may still follow: such memory is retired, not freed.
using System.Runtime.InteropServices;

namespace EtcdAot.Sys;

/// <summary>Size-class allocator with epoch-wise reclamation.</summary>
/// <param name="readers">Who may still follow retired pointers.</param>
public sealed unsafe class NativeHeap(ReaderRegistry readers) : IDisposable
{
    private const int Granule = 8;
    private const int SmallLimit = 2048;
    private const int ChunkBytes = 1 << 20;

    private readonly nint[] _free = new nint[(SmallLimit / Granule) + 1];
    private readonly List<nint> _chunks = [];
    private Retired[] _retired = new Retired[256];
    private int _retiredHead;
    private int _retiredCount;
    private int _untagged;
    private byte* _bump;
    private int _bumpLeft;

    private struct Retired
    {
        public byte* Memory;
        public int Bytes;
        public long Epoch;
    }

    /// <summary>Bytes handed out and not given back, class rounding included.</summary>
    public long BytesInUse { get; private set; }

    /// <summary>Bytes waiting for readers to pass.</summary>
    public long BytesRetired { get; private set; }

    /// <summary>Memory of at least <paramref name="bytes"/>, 8-aligned, not cleared.</summary>
    public byte* Allocate(int bytes)
    {
        int rounded = Round(bytes);
        BytesInUse += rounded;
        if (rounded > SmallLimit)
        {
            return (byte*)NativeMemory.Alloc((nuint)rounded);
        }

        ref nint head = ref _free[rounded / Granule];
        if (head != 0)
        {
            byte* memory = (byte*)head;
            head = *(nint*)memory;
            return memory;
        }

        if (_bumpLeft < rounded)
        {
            _bump = (byte*)NativeMemory.Alloc(ChunkBytes);
            _bumpLeft = ChunkBytes;
            _chunks.Add((nint)_bump);
        }

        byte* cut = _bump;
        _bump += rounded;
        _bumpLeft -= rounded;
        return cut;
    }

    /// <summary>Gives memory back at once; nobody else may know the pointer.</summary>
    public void Free(byte* memory, int bytes)
    {
        int rounded = Round(bytes);
        BytesInUse -= rounded;
        if (rounded > SmallLimit)
        {
            NativeMemory.Free(memory);
            return;
        }

        ref nint head = ref _free[rounded / Granule];
        *(nint*)memory = head;
        head = (nint)memory;
    }

    /// <summary>Gives back a block that has its own allocation; the others go with the heap. For tearing down.</summary>
    public void FreeIfLarge(byte* memory, int bytes)
    {
        if (Round(bytes) > SmallLimit)
        {
            Free(memory, bytes);
        }
    }

    /// <summary>Gives memory back once every reader of the current epoch has passed. The caller has unlinked it from
    /// what it will publish next.</summary>
    public void Retire(byte* memory, int bytes)
    {
        if (_retiredCount == _retired.Length)
        {
            GrowRetired();
        }

        int at = (_retiredHead + _retiredCount) % _retired.Length;
        _retired[at] = new Retired { Memory = memory, Bytes = bytes, Epoch = long.MaxValue };
        _retiredCount++;
        _untagged++;
        BytesRetired += Round(bytes);
    }

    /// <summary>After a publication: what was retired before it belongs to <paramref name="closedEpoch"/>.</summary>
    public void Tag(long closedEpoch)
    {
        for (int i = _retiredCount - _untagged; i < _retiredCount; i++)
        {
            _retired[(_retiredHead + i) % _retired.Length].Epoch = closedEpoch;
        }

        _untagged = 0;
    }

    /// <summary>Frees at most <paramref name="budget"/> blocks that no reader can follow any more.</summary>
    public void Reclaim(int budget)
    {
        if (_retiredCount == _untagged)
        {
            return;
        }

        long oldest = readers.OldestActive();
        while (budget-- > 0 && _retiredCount > _untagged)
        {
            ref Retired first = ref _retired[_retiredHead];
            if (first.Epoch >= oldest)
            {
                return;
            }

            BytesRetired -= Round(first.Bytes);
            Free(first.Memory, first.Bytes);
            _retiredHead = (_retiredHead + 1) % _retired.Length;
            _retiredCount--;
        }
    }

    /// <summary>Frees everything; nobody reads any more.</summary>
    public void Dispose()
    {
        for (int i = 0; i < _retiredCount; i++)
        {
            ref Retired item = ref _retired[(_retiredHead + i) % _retired.Length];
            Free(item.Memory, item.Bytes);
        }

        _retiredCount = 0;
        foreach (nint chunk in _chunks)
        {
            NativeMemory.Free((void*)chunk);
        }

        _chunks.Clear();
        Array.Clear(_free);
        _bumpLeft = 0;
    }

    private static int Round(int bytes) => Math.Max(Granule, (bytes + Granule - 1) & ~(Granule - 1));

    private void GrowRetired()
    {
        var larger = new Retired[_retired.Length * 2];
        for (int i = 0; i < _retiredCount; i++)
        {
            larger[i] = _retired[(_retiredHead + i) % _retired.Length];
        }

        _retired = larger;
        _retiredHead = 0;
    }
}
