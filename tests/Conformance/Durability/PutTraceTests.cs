using EtcdAot.Client;
using EtcdAot.Tests.Conformance.Servers;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;

namespace EtcdAot.Tests.Conformance.Durability;

/// <summary>Goal: the published program acknowledges a put only after the log is on the disk. A SIGKILL keeps the page
/// cache, so only the order of system calls shows it: traced with strace, judged by <see cref="DurabilityChecker"/>.
/// Mutants that answer before the sync, or do not sync, fail here.</summary>
public class PutTraceTests
{
    private const int Writers = 4;
    private const int PutsEach = 300;

    [Fact]
    public async Task EachAnswerFollowsItsSync()
    {
        DurabilityVerdict verdict = await TraceAsync();
        Assert.True(verdict.Faults.Count == 0,
            $"{verdict.Faults.Count} of {verdict.Answers} answers: {string.Join('\n', verdict.Faults.Take(5))}");
        Assert.Equal(Writers * PutsEach, verdict.Answers);
    }

    // The same program told not to sync: every answer has to be found out, or the test above proves nothing.
    [Fact]
    public async Task AMemberThatDoesNotSyncIsFoundOut()
    {
        DurabilityVerdict verdict = await TraceAsync("--unsafe-no-fsync");
        Assert.Equal((Writers * PutsEach, Writers * PutsEach), (verdict.Answers, verdict.Faults.Count));
    }

    private static async Task<DurabilityVerdict> TraceAsync(params string[] more)
    {
        using var scratch = new Scratch();
        string trace = scratch["trace"];
        string[] strace =
        [
            "strace", "-D", "-f", "-qq", "-yy", "-s", "8192", "-o", trace,
            "-e", "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,fsync,fdatasync",
        ];
        using (EtcdProcess server = EtcdProcess.StartUnder(strace, Programs.Etcd, scratch["data"], more))
        {
            await Task.WhenAll(Enumerable.Range(0, Writers).Select(n => PutAsync(server.Client, n)));
            server.Stop();
        }

        AwaitEnd(trace);
        return DurabilityChecker.Judge(File.ReadLines(trace));
    }

    // Generation 0 has no earlier value to be told by; it is one put more for each key.
    private static async Task PutAsync(EtcdClient client, int writer)
    {
        for (int generation = 0; generation <= PutsEach; generation++)
        {
            PutResponse answer = await client.Kv.PutAsync(new PutRequest
            {
                Key = ByteString.CopyFromUtf8($"writer-{writer}"),
                Value = ByteString.CopyFromUtf8(DurabilityChecker.Token(writer, generation)),
                PrevKv = true,
            });
            if (generation > 0)
            {
                Assert.Equal(DurabilityChecker.Token(writer, generation - 1), answer.PrevKv.Value.ToStringUtf8());
            }
        }
    }

    // The tracer ends a moment after the traced program.
    private static void AwaitEnd(string trace)
    {
        long length = -1;
        for (int i = 0; i < 100 && new FileInfo(trace).Length != length; i++)
        {
            length = new FileInfo(trace).Length;
            Thread.Sleep(200);
        }
    }
}
