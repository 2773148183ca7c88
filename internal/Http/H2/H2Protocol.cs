// The numbers of HTTP/2 (RFC 9113 §6, §7, §11). Constants; any thread.
namespace EtcdAot.Http.H2;

/// <summary>Frame types (RFC 9113 §6).</summary>
public enum FrameType : byte
{
    Data = 0,
    Headers = 1,
    Priority = 2,
    RstStream = 3,
    Settings = 4,
    PushPromise = 5,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

/// <summary>Flag bits; their meaning depends on the frame type.</summary>
[Flags]
public enum FrameFlags : byte
{
    None = 0,
    EndStream = 0x1,
    Ack = EndStream,
    EndHeaders = 0x4,
    Padded = 0x8,
    Priority = 0x20,
}

/// <summary>Settings (RFC 9113 §6.5.2).</summary>
public enum SettingId : ushort
{
    HeaderTableSize = 1,
    EnablePush = 2,
    MaxConcurrentStreams = 3,
    InitialWindowSize = 4,
    MaxFrameSize = 5,
    MaxHeaderListSize = 6,
}

/// <summary>Error codes of RST_STREAM and GOAWAY (RFC 9113 §7).</summary>
public static class H2Error
{
    public const uint NoError = 0;
    public const uint ProtocolError = 1;
    public const uint InternalError = 2;
    public const uint FlowControlError = 3;
    public const uint SettingsTimeout = 4;
    public const uint StreamClosed = 5;
    public const uint FrameSizeError = 6;
    public const uint RefusedStream = 7;
    public const uint Cancel = 8;
    public const uint CompressionError = 9;
    public const uint ConnectError = 10;
    public const uint EnhanceYourCalm = 11;
    public const uint InadequateSecurity = 12;
    public const uint Http11Required = 13;
}

/// <summary>Sizes and fixed bytes.</summary>
public static class H2Protocol
{
    /// <summary>Bytes before every payload: length 24, type 8, flags 8, stream 31.</summary>
    public const int FrameHeaderSize = 9;

    /// <summary>Largest payload we take and send, whatever the peer would allow (api-v3 §1.3).</summary>
    public const int FramePayloadMax = 16384;

    public const int DefaultWindow = 65535;

    /// <summary>Bound of every flow control window.</summary>
    public const int WindowMax = int.MaxValue;

    public const uint StreamIdMax = 0x7fffffff;

    /// <summary>What a client sends first (RFC 9113 §3.4), 24 bytes.</summary>
    public static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;
}
