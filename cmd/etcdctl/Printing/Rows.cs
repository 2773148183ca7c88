// Rows and cells that the simple and the table format share, and sizes for people. Pure.
using System.Globalization;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Cmd.Etcdctl.Printing;

/// <summary>Cells of lists (etcdctl §11).</summary>
internal static class Rows
{
    private static readonly string[] Units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

    public static string[] Of(Member member, string status) =>
    [
        member.ID.ToString("x", CultureInfo.InvariantCulture),
        status,
        member.Name,
        string.Join(',', member.PeerURLs),
        string.Join(',', member.ClientURLs),
        Bool(member.IsLearner),
    ];

    public static string[] Of(EndpointHealth health) =>
        [health.Endpoint, Bool(health.Healthy), health.Took, health.Error];

    public static string[] Of(EndpointStatus status)
    {
        StatusResponse s = status.Status;
        return
        [
            status.Endpoint,
            s.Header.MemberId.ToString("x", CultureInfo.InvariantCulture),
            s.Version,
            Size(s.DbSize),
            Bool(s.Leader == s.Header.MemberId),
            Bool(s.IsLearner),
            $"{s.RaftTerm}",
            $"{s.RaftIndex}",
            $"{s.RaftAppliedIndex}",
            string.Join(", ", s.Errors),
        ];
    }

    public static string[] Of(EndpointHash hash) => [hash.Endpoint, $"{hash.Hash.Hash}"];

    public static string[] Of(SnapshotSummary s) =>
        [$"{s.Hash:x}", $"{s.Revision}", $"{s.TotalKeys}", Size(s.TotalSize)];

    /// <summary>Powers of 1000, one decimal below 10: 7 B, 20 kB, 3.0 MB (etcdctl §10).</summary>
    public static string Size(long bytes)
    {
        if (bytes < 10)
        {
            return $"{bytes} B";
        }

        double value = bytes;
        int unit = 0;
        while (value >= 1000 && unit < Units.Length - 1)
        {
            value /= 1000;
            unit++;
        }

        double rounded = Math.Floor((value * 10) + 0.5) / 10;
        string number = rounded < 10
            ? rounded.ToString("0.0", CultureInfo.InvariantCulture)
            : Math.Round(rounded, MidpointRounding.ToEven).ToString("0", CultureInfo.InvariantCulture);
        return $"{number} {Units[unit]}";
    }

    private static string Bool(bool value) => value ? "true" : "false";
}
