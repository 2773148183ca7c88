using System.Runtime.InteropServices;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Unit.Fakes;

/// <summary>A map of a file of <see cref="FaultyDisk"/>: memory that never moves, into which every later write to the file
/// is written too. Its pages are the system's and zero until they are touched.</summary>
internal sealed unsafe class FaultyMap : IFileMap
{
    /// <summary>Bytes that can be mapped; tests keep their files smaller.</summary>
    public const long Capacity = 64L << 20;

    private readonly Action<FaultyMap> _forget;

    public FaultyMap(Action<FaultyMap> forget)
    {
        _forget = forget;
        Address = (byte*)NativeMemory.AllocZeroed((nuint)Capacity);
    }

    public byte* Address { get; }

    public long Length { get; private set; }

    public Errno Extend(long length)
    {
        if (length > Capacity)
        {
            return new Errno(12);
        }

        Length = Math.Max(Length, length);
        return Errno.Ok;
    }

    public void Populate(long offset, long length)
    {
    }

    public void Write(ReadOnlySpan<byte> source, long offset)
    {
        if (offset < Capacity)
        {
            source[..(int)Math.Min(source.Length, Capacity - offset)].CopyTo(new Span<byte>(Address + offset, source.Length));
        }
    }

    public void Dispose()
    {
        _forget(this);
        NativeMemory.Free(Address);
    }
}
