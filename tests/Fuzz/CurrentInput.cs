// The input under way, in a mapped file: it outlives the process, so that an end by stack overflow, abort or kill still
// leaves what caused it. Written by the worker before each input, read by its supervisor.
using System.IO.MemoryMappedFiles;

namespace EtcdAot.Tests.Fuzz;

/// <summary>What the worker is doing.</summary>
internal sealed class CurrentInput : IDisposable
{
    private const int HeaderBytes = 16;
    private const int Capacity = HeaderBytes + (4 << 20);
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    public CurrentInput(string path, bool create)
    {
        _file = MemoryMappedFile.CreateFromFile(path, create ? FileMode.Create : FileMode.Open, mapName: null, Capacity);
        _view = _file.CreateViewAccessor(0, Capacity);
    }

    /// <summary>Number of the input; it moves while the worker lives.</summary>
    public long Number => _view.ReadInt64(0);

    /// <summary>Index of the target in the run's list.</summary>
    public int Target => _view.ReadInt32(8);

    public byte[] Bytes
    {
        get
        {
            byte[] bytes = new byte[Math.Clamp(_view.ReadInt32(12), 0, Capacity - HeaderBytes)];
            _view.ReadArray(HeaderBytes, bytes, 0, bytes.Length);
            return bytes;
        }
    }

    public void Set(long number, int target, byte[] bytes)
    {
        int length = Math.Min(bytes.Length, Capacity - HeaderBytes);
        _view.WriteArray(HeaderBytes, bytes, 0, length);
        _view.Write(12, length);
        _view.Write(8, target);
        _view.Write(0, number);
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
