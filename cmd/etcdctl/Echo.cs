// Switches a terminal's echo off while a password is typed. libc's termios; without a terminal it does
// nothing.
using System.Runtime.InteropServices;

namespace EtcdAot.Cmd.Etcdctl;

/// <summary>The echo of standard input.</summary>
internal static partial class Echo
{
    private const int LocalModes = 12;
    private const uint EchoBit = 8;

    /// <summary>Off until the result is disposed.</summary>
    public static unsafe IDisposable Off()
    {
        byte[] saved = new byte[64];
        fixed (byte* p = saved)
        {
            if (GetAttributes(0, p) != 0)
            {
                return new Restore(null);
            }
        }

        byte[] quiet = [.. saved];
        uint modes = BitConverter.ToUInt32(quiet, LocalModes) & ~EchoBit;
        BitConverter.TryWriteBytes(quiet.AsSpan(LocalModes), modes);
        Set(quiet);
        return new Restore(saved);
    }

    private static unsafe void Set(byte[] attributes)
    {
        fixed (byte* p = attributes)
        {
            _ = SetAttributes(0, 0, p);
        }
    }

    // struct termios of Linux: four 32-bit mode words (input, output, control, local), then the rest: 60
    // bytes.
    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static unsafe partial int GetAttributes(int fd, byte* attributes);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static unsafe partial int SetAttributes(int fd, int when, byte* attributes);

    private sealed class Restore(byte[]? saved) : IDisposable
    {
        public void Dispose()
        {
            if (saved is not null)
            {
                Set(saved);
            }
        }
    }
}
