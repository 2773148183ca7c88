// What the recording says of one archived data directory or snapshot file, read from data/datadirs/*.jsonl.
using System.Text.Json;
using EtcdAot.Tests.Conformance.Servers;

namespace EtcdAot.Tests.Conformance.Datadirs;

/// <summary>Expected answers of one archive.</summary>
internal sealed class ArchiveRow
{
    private readonly JsonElement _row;
    private readonly JsonElement _open;

    private ArchiveRow(JsonElement row)
    {
        _row = row;
        _open = row.GetProperty("after_open");
    }

    public static ArchiveRow Load(string name)
    {
        return new ArchiveRow(Find("index.jsonl", name));
    }

    /// <summary>A row of a file of recordings by its name.</summary>
    public static JsonElement Find(string file, string name)
    {
        foreach (string line in File.ReadLines(Programs.Data("datadirs", file)))
        {
            JsonElement row = JsonDocument.Parse(line).RootElement;
            if (row.GetProperty("name").GetString() == name)
            {
                return row;
            }
        }

        throw new InvalidOperationException($"{file} has no row {name}");
    }

    public string[] Directories => [.. _row.GetProperty("directories").EnumerateArray().Select(d => d.GetString()!)];

    public string ClusterId => _open.GetProperty("cluster_id").GetString()!;

    public string MemberId(string member) => _open.GetProperty("member_ids").GetProperty(member).GetString()!;

    /// <summary>Revision (0: latest), hash and compact revision as the original answered.</summary>
    public IEnumerable<(long Revision, uint Hash, long Compacted)> Hashes =>
        _open.GetProperty("hashkv").EnumerateArray().Select(static h => (
            h.GetProperty("rev").GetInt64(),
            h.GetProperty("hashkv").GetProperty("hash").GetUInt32(),
            h.GetProperty("hashkv").GetProperty("compact_revision").GetInt64()));

    /// <summary>Digest of all pairs at three revisions.</summary>
    public IEnumerable<(long Revision, string Sha256, int Count)> Digests =>
        new[] { "kv", "kv_at_mid", "kv_at_low" }.Select(n => _open.GetProperty(n))
            .Where(static d => d.ValueKind == JsonValueKind.Object)
            .Select(static d => (
                d.GetProperty("rev").GetInt64(), d.GetProperty("sha256").GetString()!, d.GetProperty("count").GetInt32()));

    public List<string> Leases =>
        [.. _open.GetProperty("leases").EnumerateArray().OrderBy(static l => l.GetProperty("id").GetInt64())
            .Select(static l => KeySpace.LeaseLine(
                l.GetProperty("id").GetInt64(), l.GetProperty("granted_ttl").GetInt64(),
                l.GetProperty("keys").EnumerateArray().Select(static k => k.GetString()!)))];

    public List<string> Alarms =>
        [.. _open.GetProperty("alarms").EnumerateArray().Select(static a =>
            $"{a.GetProperty("memberID").GetUInt64()} " +
            $"{(a.GetProperty("alarm").GetInt32() == 1 ? "NOSPACE" : "CORRUPT")}")];
}
