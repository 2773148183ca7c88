// A thread of this process that runs one body until it is told to stop. The only place where threads of the core are
// made (DESIGN 4.1). An exception that leaves the body is a broken invariant: it ends the member.
using System.Diagnostics.CodeAnalysis;

namespace EtcdAot.Sys;

/// <summary>What a host thread runs.</summary>
public interface IThreadBody
{
    /// <summary>Thread name, at most 15 bytes are shown by the system.</summary>
    string Name { get; }

    /// <summary>Blocks until <see cref="Stop"/>.</summary>
    void Run();

    /// <summary>Makes <see cref="Run"/> return soon. Any thread.</summary>
    void Stop();
}

/// <summary>Runs a body on a thread of its own.</summary>
public sealed class HostThread
{
    private readonly Thread _thread;
    private readonly IThreadBody _body;
    private readonly Action<Exception> _onFailure;

    /// <param name="body">What to run.</param>
    /// <param name="onFailure">Hears of an exception that left the body, on the thread itself; ends the member.</param>
    public HostThread(IThreadBody body, Action<Exception> onFailure)
    {
        _body = body;
        _onFailure = onFailure;
        _thread = new Thread(Main) { Name = body.Name, IsBackground = true };
    }

    /// <summary>Starts the thread.</summary>
    public void Start() => _thread.Start();

    /// <summary>Stops the body and waits until the thread has ended.</summary>
    /// <returns>False when it did not end in time.</returns>
    public bool StopAndJoin(int timeoutMillis)
    {
        _body.Stop();
        return _thread.Join(timeoutMillis);
    }

    [SuppressMessage("Design", "CA1031", Justification = "the last catch of a thread; it hands on, never swallows")]
    private void Main()
    {
        try
        {
            _body.Run();
        }
        catch (Exception e)
        {
            _onFailure(e);
        }
    }
}
