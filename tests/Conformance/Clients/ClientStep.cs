// The command lines that an etcdctl has to get through, with what each must print. {L} is the lease granted last, {E} the
// endpoint, {DIR} a folder; ids, terms, times and sizes are masked on both sides.
namespace EtcdAot.Tests.Conformance.Clients;

/// <summary>One command line.</summary>
/// <param name="Args">Words behind the endpoint.</param>
/// <param name="Expected">Standard output after masking; null where only equality with the original is asked.</param>
internal sealed record ClientStep(string[] Args, string? Expected)
{
    /// <summary>Standard input.</summary>
    public string Input { get; init; } = "";

    /// <summary>Exit code.</summary>
    public int Exit { get; init; }

    /// <summary>True for a watch: started, left alone while <see cref="Meanwhile"/> runs, then interrupted.</summary>
    public bool IsWatch { get; init; }

    /// <summary>Command lines while the watch runs.</summary>
    public string[][] Meanwhile { get; init; } = [];

    /// <summary>True where hashes are compared and not masked: what is stored must be the same, byte for byte.</summary>
    public bool ComparesHash { get; init; }

    /// <summary>The whole sequence, in order.</summary>
    public static IReadOnlyList<ClientStep> All { get; } =
    [
        Step("put k1 v1", "OK\n"),
        Step("put k2 v2", "OK\n"),
        Step("put k3 v3", "OK\n"),
        Step("put k1 v1b --prev-kv", "OK\nk1\nv1\n"),
        Step("get k1", "k1\nv1b\n"),
        Step("get k1 --rev=2", "k1\nv1\n"),
        Step("get none", ""),
        Step("get k1 k3", "k1\nv1b\nk2\nv2\n"),
        Step("get k --prefix --limit=2", "k1\nv1b\nk2\nv2\n"),
        Step("get k --prefix --sort-by=MODIFY --order=DESCEND --print-value-only", "v1b\nv3\nv2\n"),
        Step("get k --prefix --sort-by=CREATE --order=ASCEND --keys-only", "k1\n\nk2\n\nk3\n\n"),
        Step("get k2 --from-key", "k2\nv2\nk3\nv3\n"),
        Step("get k --prefix -w json", null),
        Step("get k --prefix -w fields", null),
        Step("get k1 --rev=99", "") with { Exit = 1 },
        Step("del k3 --prev-kv", "1\nk3\nv3\n"),
        Step("del none", "0\n"),
        Step("endpoint hashkv", null) with { ComparesHash = true },
        Step("txn", "SUCCESS\n\nOK\n\nt\n1\n") with { Input = "mod(\"t\") = \"0\"\n\nput t 1\nget t\n\nput t 2\n\n" },
        Step("txn", "FAILURE\n\nOK\n\n1\n") with { Input = "value(\"t\") = \"x\"\n\nput t 1\n\nput t 2\ndel k2\n\n" },
        Step("txn -w json", null) with { Input = "ver(\"t\") > \"0\"\n\nget t\n\n\n" },
        Step("watch k1 --rev=2 --prev-kv",
            "PUT\nk1\nv1\nPUT\nk1\nv1\nk1\nv1b\nPUT\nk1\nv1b\nk1\nlate\nDELETE\nk1\nlate\nk1\n\n") with
        {
            IsWatch = true, Meanwhile = [["put", "k1", "late"], ["del", "k1"]],
        },
        Step("watch w --prefix", "PUT\nw1\none\nPUT\nw2\ntwo\n")
            with { IsWatch = true, Meanwhile = [["put", "w1", "one"], ["put", "x", "other"], ["put", "w2", "two"]] },
        Step("lease grant 1000", "lease {L} granted with TTL(1000s)\n"),
        Step("put leased v --lease={L}", "OK\n"),
        Step("lease timetolive {L}", "lease {L} granted with TTL(1000s), remaining(N)\n"),
        Step("lease timetolive {L} --keys", "lease {L} granted with TTL(1000s), remaining(N), attached keys([leased])\n"),
        Step("lease timetolive {L} -w json", null),
        Step("lease keep-alive --once {L}", "lease {L} keepalived with TTL(1000)\n"),
        Step("lease list", "found 1 leases\n{L}\n"),
        Step("lease revoke {L}", "lease {L} revoked\n"),
        Step("get leased", ""),
        Step("lease revoke {L}", "") with { Exit = 1 },
        Step("lease timetolive {L}", "lease {L} already expired\n"),
        Step("put bad v --lease=1234", "") with { Exit = 1 },
        Step("compaction 5", "compacted revision 5\n"),
        Step("compaction 8 --physical", "compacted revision 8\n"),
        Step("compaction 5", "") with { Exit = 1 },
        Step("get k1 --rev=4", "") with { Exit = 1 },
        Step("endpoint hashkv", null),
        Step("endpoint health", null),
        Step("endpoint status", null),
        Step("endpoint status -w json", null),
        Step("member list", null),
        Step("member list -w json", null),
        Step("alarm list", ""),
        Step("snapshot save {DIR}/saved.db", "Snapshot saved at {DIR}/saved.db\n"),
        Step("snapshot status {DIR}/saved.db -w json", null),
    ];

    /// <summary>The command as it is written.</summary>
    public override string ToString() => "etcdctl " + string.Join(' ', Args);

    private static ClientStep Step(string line, string? expected) => new(line.Split(' '), expected);
}
