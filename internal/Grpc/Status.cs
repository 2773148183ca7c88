// How a call ends: a code and a text, a value and never an exception on the request path. Go clients map errors back by
// the exact text, so the text is the contract (api-v3 §1.9). Immutable; any thread.
using EtcdAot.Wire;

namespace EtcdAot.Grpc;

/// <summary>The outcome of a call; <c>default</c> is success.</summary>
/// <param name="Code">gRPC code.</param>
/// <param name="Text">Message as sent; null counts as empty.</param>
public readonly record struct Status(RpcCode Code, string? Text)
{
    /// <summary>Success.</summary>
    public static readonly Status Ok;

    /// <summary>What a call ends with when its deadline passes.</summary>
    public static readonly Status DeadlineExceeded = new(RpcCode.DeadlineExceeded, "context deadline exceeded");

    /// <summary>What a call ends with when its client gave it up.</summary>
    public static readonly Status Canceled = new(RpcCode.Canceled, "context canceled");

    /// <summary>A unary request that does not decode (3.6's text, api-v3 §1.1).</summary>
    public static readonly Status UndecodableRequest = new(
        RpcCode.Internal, "grpc: error unmarshalling request: unexpected EOF");

    /// <summary>A message of a request stream that does not decode.</summary>
    public static readonly Status UndecodableMessage = new(
        RpcCode.Internal, "grpc: failed to unmarshal the received message: unexpected EOF");

    /// <summary>True for success.</summary>
    public bool IsOk => Code == RpcCode.Ok;

    /// <summary>The status of an expected outcome; null is success.</summary>
    public static Status From(EtcdError? error) => error is null ? Ok : new Status(error.Code, error.Text);

    /// <summary>Go's form: <c>rpc error: code = NotFound desc = …</c>.</summary>
    public override string ToString() => $"rpc error: code = {GoName(Code)} desc = {Text}";

    /// <summary>The code's name in Go.</summary>
    public static string GoName(RpcCode code) => code switch
    {
        RpcCode.Ok => "OK",
        (RpcCode)6 => "AlreadyExists",
        (RpcCode)10 => "Aborted",
        _ when Enum.IsDefined(code) => code.ToString(),
        _ => $"Code({(int)code})",
    };
}
