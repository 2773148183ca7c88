using System.Text;
using EtcdAot.Cmd.Etcd;

namespace EtcdAot.Tests.Unit.EtcdFlags;

/// <summary>Goal: an output that cannot be written (disk full, reader gone) costs its lines and nothing else.</summary>
public class LogSinksTests
{
    [Fact]
    public void AFailingOutputLosesItsLinesAndTellsOfThemLater()
    {
        using var broken = new Broken { Fails = true };
        using var good = new MemoryStream();
        var sinks = new LogSinks([broken, good]);
        sinks.WriteLine("a\n"u8);
        sinks.WriteLine("b\n"u8);
        broken.Fails = false;
        sinks.WriteLine("c\n"u8);
        sinks.WriteLine("d\n"u8);
        Assert.Equal("a\nb\nc\nd\n", Encoding.UTF8.GetString(good.ToArray()));
        Assert.Equal(
            "{\"level\":\"warn\",\"msg\":\"log lines could not be written\",\"lines\":2}\nc\nd\n",
            Encoding.UTF8.GetString(broken.ToArray()));
    }

    private sealed class Broken : MemoryStream
    {
        public bool Fails { get; set; }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Fails)
            {
                throw new IOException("No space left on device");
            }

            base.Write(buffer);
        }
    }
}
