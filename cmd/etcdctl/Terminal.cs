// The three standard streams as bytes (values need not be UTF-8) and the exit codes. One thread at a time
// writes; System.Console is not used, which keeps start-up short.
using System.Text;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>Exit codes of etcdctl §12.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Error = 1;
    public const int BadConnection = 2;
    public const int InvalidInput = 3;
    public const int BadFeature = 4;
    public const int Interrupted = 5;
    public const int BadArgs = 128;
}

/// <summary>Ends a command: <c>Error: text</c> on stderr (nothing without a text) and this exit
/// code.</summary>
internal sealed class CommandFailedException(int code, string text) : Exception(text)
{
    public int Code => code;
}

/// <summary>An output stream; everything is written through at the end of a call.</summary>
internal sealed class Output(Stream stream)
{
    public void Write(string text) => Write(Encoding.UTF8.GetBytes(text));

    public void Line(string text) => Write(text + "\n");

    public void Write(ReadOnlySpan<byte> bytes)
    {
        lock (stream)
        {
            stream.Write(bytes);
            stream.Flush();
        }
    }
}

/// <summary>Standard input, output and error of the process, or of a test.</summary>
internal sealed class Terminal(Stream input, Stream output, Stream error)
{
    public Stream In => input;

    public Output Out { get; } = new(output);

    public Output Error { get; } = new(error);

    public static Terminal OfProcess()
    {
        return new Terminal(Console.OpenStandardInput(), Console.OpenStandardOutput(),
            Console.OpenStandardError());
    }
}

/// <summary>What the version command and help print.</summary>
internal static class Versions
{
    public const string Client = "3.5.33";
    public const string Api = "3.5";
}
