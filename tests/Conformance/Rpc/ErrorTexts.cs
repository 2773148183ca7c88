// The error texts of spec api-v3 1.9, sorted by whether one healthy member can give them to a client without auth and
// membership calls. The required ones must come from the real server in the run; the others are printed as owed.
namespace EtcdAot.Tests.Conformance.Rpc;

/// <summary>Texts with their code numbers, as replies carry them.</summary>
internal static class ErrorTexts
{
    public static readonly string[] Required =
    [
        "3 etcdserver: key is not provided",
        "3 etcdserver: key not found",
        "3 etcdserver: value is provided",
        "3 etcdserver: lease is provided",
        "3 etcdserver: too many operations in txn request",
        "3 etcdserver: duplicate key given in txn request",
        "3 etcdserver: request is too large",
        "11 etcdserver: mvcc: required revision has been compacted",
        "11 etcdserver: mvcc: required revision is a future revision",
        "11 etcdserver: too large lease TTL",
        "8 etcdserver: mvcc: database space exceeded",
        "5 etcdserver: requested lease not found",
        "9 etcdserver: lease already exists",
        "15 etcdserver: corrupt cluster",
    ];

    /// <summary>Text and why it is not asked for here.</summary>
    public static readonly (string Reason, string[] Texts)[] Owed =
    [
        ("3.6 and later", ["invalid client api version", "invalid sort option"]),
        ("membership", ["given member URLs are invalid", "member not found", "member ID already exist",
            "Peer URLs already exists", "re-configuration failed due to not enough started members",
            "can only promote a learner member", "can only promote a learner member which is in sync with leader",
            "too many learner members in cluster", "rpc not supported for learner", "unhealthy cluster"]),
        ("auth", ["user name is empty", "role name is empty", "authentication failed, invalid user ID or password",
            "permission not given", "invalid auth management", "revision of auth store is old",
            "root user does not exist", "root user does not have root role", "user name already exists",
            "user name not found", "role name already exists", "role name not found",
            "role is not granted to the user", "permission is not granted to the role",
            "authentication is not enabled", "permission denied", "invalid auth token",
            "auth: authentication failed, password was given for no password user",
            "auth: token signing attempted with verify-only key", "bcrypt: password length exceeds 72 bytes"]),
        ("Downgrade and MoveLeader are not of this issue", ["wrong downgrade target version format",
            "invalid downgrade target version", "cluster has a downgrade job in progress",
            "no inflight downgrade job", "cluster version not found during downgrade", "unknown method",
            "not leader", "bad leader transferee", "request timed out, leader transfer took too long"]),
        ("no or another leader, peers", ["no leader", "leader changed", "cluster ID mismatch", "not capable",
            "request timed out", "request timed out, possibly due to previous leader failure",
            "request timed out, possibly due to connection lost", "not a primary lessor", "raft proposal dropped"]),
        ("overload or shutdown", ["too many requests", "server stopped", "raft: stopped",
            "request timed out, waiting for the applied index took too long"]),
        ("the client has gone when it is sent", ["watch canceled", "request cancelled", "context deadline exceeded"]),
    ];

    public static bool IsListed(string status) => Required.Contains(status, StringComparer.Ordinal);

    /// <summary>Declares the rows.</summary>
    public static void Declare(OptionTable table)
    {
        foreach (string text in Required)
        {
            table.Row("error texts", text, 0);
        }
    }
}
