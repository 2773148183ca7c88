namespace EtcdAot.Tests.Conformance.Durability;

/// <summary>Goal: the checker itself can fail. Doctored traces of the faults that it is there for are refused, sound ones
/// with every form of line are accepted.</summary>
public class DurabilityCheckerTests
{
    private const string Write = """70 pwrite64(7</d/member/wal/0-0.wal>, "\1k001-g1.\0"..., 120, 4096) = 120""";
    private const string Sync = "70 fdatasync(7</d/member/wal/0-0.wal>) = 0";
    private const string Send = """71 sendto(12<TCP:[127.0.0.1:1->127.0.0.1:2]>, "k001-g0.", 30, MSG_NOSIGNAL, NULL, 0) = 30""";

    [Fact]
    public void AcceptsWriteSyncSend()
    {
        Judge(answers: 1, faults: 0, Write, Sync, Send);
        Judge(answers: 1, faults: 0,
            """[pid    70] 01:02:03.456789 writev(7</d/w.wal>, [{iov_base="k001-g1.", iov_len=9}], 1) = 9 <0.000012>""",
            "[pid    70] 01:02:03.456799 fsync(7</d/w.wal>) = 0 <0.1>",
            """[pid    71] 01:02:03.456899 sendmsg(9<TCPv6:[[::1]:1->[::1]:2]>, {msg_iov=[{iov_base="k001-g0."}]}, 0) = 9""");
    }

    [Fact]
    public void AcceptsInterruptedLines()
    {
        Judge(answers: 1, faults: 0,
            """70 pwrite64(7</d/w.wal>, "k001-g1.", 9, 0 <unfinished ...>""",
            "71 <... epoll_wait resumed>[], 10, 5) = 0",
            "70 <... pwrite64 resumed>) = 9",
            "70 fdatasync(7</d/w.wal> <unfinished ...>",
            "71 --- SIGURG {si_signo=SIGURG} ---",
            "70 <... fdatasync resumed>) = 0",
            """71 writev(9<TCP:[a->b]>, [{iov_base="k001-g0."}], 1 <unfinished ...>""",
            "71 <... writev resumed>) = 9");
    }

    [Fact]
    public void RefusesAnswersWithoutSync()
    {
        Judge(answers: 1, faults: 1, Write, Send);
        Judge(answers: 1, faults: 1, Write, Send, Sync);
    }

    [Fact]
    public void RefusesAnswersBeforeTheSyncReturned()
    {
        Judge(answers: 1, faults: 1,
            Write, "70 fdatasync(7</d/member/wal/0-0.wal> <unfinished ...>", Send, "70 <... fdatasync resumed>) = 0");
    }

    [Fact]
    public void RefusesASyncThatBeganBeforeTheWriteReturned()
    {
        Judge(answers: 1, faults: 1,
            """70 pwrite64(7</d/w.wal>, "k001-g1.", 9, 0 <unfinished ...>""",
            "72 fdatasync(7</d/w.wal> <unfinished ...>",
            "70 <... pwrite64 resumed>) = 9",
            "72 <... fdatasync resumed>) = 0",
            Send);
    }

    [Fact]
    public void RefusesSyncsThatDoNotCount()
    {
        Judge(answers: 1, faults: 1, Write, "70 fdatasync(7</d/member/wal/0-0.wal>) = -1 EIO (Input/output error)", Send);
        Judge(answers: 1, faults: 1, Write, "70 fdatasync(8</d/member/snap/db>) = 0", Send);
        Judge(answers: 1, faults: 1, Write, "70 fdatasync(7</d/member/wal/1-9.wal>) = 0", Send);
        Judge(answers: 1, faults: 1, Write, "70 fdatasync(7</d/member/wal/0-0.wal>) = ?", Send);
        Judge(answers: 1, faults: 1, Sync, Write, Send);
        Judge(answers: 1, faults: 1, Write.Replace("= 120", "= -1 ENOSPC (No space left on device)"), Sync, Send);
    }

    private static void Judge(int answers, int faults, params string[] lines)
    {
        DurabilityVerdict verdict = DurabilityChecker.Judge(lines);
        Assert.Equal((answers, faults), (verdict.Answers, verdict.Faults.Count));
    }
}
