// Base64 of binary metadata: padding optional, the position of the first bad byte is part of the error text
// (api-v3 §1.1). Pure functions.
namespace EtcdAot.Grpc;

/// <summary>Standard base64 with optional padding.</summary>
internal static class Base64Text
{
    /// <summary>Decodes into a span at least as long as the text.</summary>
    /// <param name="text">Text; with a length that four divides it may end in padding.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="length">Bytes written.</param>
    /// <param name="badAt">Index of the first byte that cannot stand where it is, -1 for none.</param>
    public static bool TryDecode(ReadOnlySpan<byte> text, Span<byte> destination, out int length, out int badAt)
    {
        length = 0;
        badAt = -1;
        int end = text.Length;
        if (end % 4 == 0 && end > 0 && text[end - 1] == '=')
        {
            end -= text[end - 2] == '=' ? 2 : 1;
        }

        int bits = 0;
        int held = 0;
        for (int i = 0; i < end; i++)
        {
            int digit = Digit(text[i]);
            if (digit < 0)
            {
                badAt = i;
                return false;
            }

            held = (held << 6) | digit;
            bits += 6;
            if (bits >= 8)
            {
                bits -= 8;
                destination[length++] = (byte)(held >> bits);
                held &= (1 << bits) - 1;
            }
        }

        if (bits == 6)
        {
            badAt = end - 1;
            return false;
        }

        return true;
    }

    private static int Digit(byte b) => b switch
    {
        >= (byte)'A' and <= (byte)'Z' => b - 'A',
        >= (byte)'a' and <= (byte)'z' => b - 'a' + 26,
        >= (byte)'0' and <= (byte)'9' => b - '0' + 52,
        (byte)'+' => 62,
        (byte)'/' => 63,
        _ => -1,
    };
}
