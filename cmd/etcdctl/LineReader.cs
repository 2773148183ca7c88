// Lines of a byte stream, each ended by a newline: a last line without one counts as the end (etcdctl §13
// txn). Blocking, one thread.
using System.Text;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>Reads lines.</summary>
internal sealed class LineReader(Stream input)
{
    private readonly byte[] _buffer = new byte[4096];
    private int _at;
    private int _end;

    /// <summary>The next line without its newline, or null at the end.</summary>
    public string? Next()
    {
        var line = new List<byte>();
        while (true)
        {
            if (_at == _end)
            {
                _at = 0;
                _end = input.Read(_buffer);
                if (_end <= 0)
                {
                    _end = 0;
                    return null;
                }
            }

            byte b = _buffer[_at++];
            if (b == '\n')
            {
                return Encoding.UTF8.GetString([.. line]);
            }

            line.Add(b);
        }
    }
}
