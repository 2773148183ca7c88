// Mutations that keep a protobuf message a message: fields dropped, doubled, moved, renumbered, given other values, on any
// level; lengths stay right.
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Fuzz.Targets;

/// <summary>Changes messages field by field.</summary>
internal static class ProtoMutator
{
    private const int DepthMax = 6;

    private static readonly ulong[] Numbers =
    [
        0, 1, 2, 3, 127, 128, int.MaxValue, uint.MaxValue, long.MaxValue, ulong.MaxValue, 1UL << 63, 0xFFFFFFFF80000000, 17,
    ];

    /// <summary>A changed copy; false when the bytes are no message, or an empty one.</summary>
    public static bool TryMutate(ReadOnlySpan<byte> message, Rng random, out byte[] changed) =>
        TryMutate(message, random, 0, out changed);

    private static bool TryMutate(ReadOnlySpan<byte> message, Rng random, int depth, out byte[] changed)
    {
        changed = [];
        if (!TrySplit(message, out List<Field> fields) || fields.Count == 0)
        {
            return false;
        }

        int at = random.Below(fields.Count);
        Field field = fields[at];
        switch (random.Below(8))
        {
            case 0:
                fields.RemoveAt(at);
                break;
            case 1:
                fields.Insert(random.Below(fields.Count + 1), field);
                break;
            case 2:
                fields.RemoveAt(at);
                fields.Insert(random.Below(fields.Count + 1), field);
                break;
            case 3:
                fields[at] = field with { Number = 1 + random.Below(random.OneIn(4) ? 1400 : 15) };
                break;
            case 4:
                fields[at] = field with { Value = random.Pick(Numbers), Body = [], Type = random.OneIn(6) ? WireType.Bytes : field.Type };
                break;
            default:
                fields[at] = Inside(field, random, depth);
                break;
        }

        changed = Join(fields);
        return true;
    }

    private static Field Inside(Field field, Rng random, int depth)
    {
        if (field.Type != WireType.Bytes)
        {
            return field with { Value = field.Value + (ulong)random.Below(5) - 2 };
        }

        if (depth < DepthMax && !random.OneIn(4) && TryMutate(field.Body, random, depth + 1, out byte[] inner))
        {
            return field with { Body = inner };
        }

        // A message that holds itself once more is how depth is made.
        return random.Below(4) switch
        {
            0 when depth < DepthMax => field with { Body = Join([field]) },
            1 => field with { Body = [.. field.Body, (byte)random.Next()] },
            2 => field with { Body = field.Body.Length == 0 ? [0] : field.Body[..^1] },
            _ => field with { Body = field.Body.Length == 0 ? [0xff] : Flipped(field.Body, random) },
        };
    }

    private static byte[] Flipped(byte[] bytes, Rng random)
    {
        byte[] copy = [.. bytes];
        copy[random.Below(copy.Length)] = (byte)random.Next();
        return copy;
    }

    private static bool TrySplit(ReadOnlySpan<byte> message, out List<Field> fields)
    {
        fields = [];
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Type == WireType.Varint)
            {
                fields.Add(new Field(reader.Field, WireType.Varint, reader.ReadVarint(), []));
            }
            else if (reader.Type == WireType.Bytes)
            {
                fields.Add(new Field(reader.Field, WireType.Bytes, 0, reader.ReadBytes().ToArray()));
            }
        }

        return !reader.Failed;
    }

    private static byte[] Join(List<Field> fields)
    {
        int size = fields.Sum(static f => f.Type == WireType.Varint
            ? ProtoWriter.SizeOf(f.Number, f.Value) : ProtoWriter.SizeOfBytes(f.Number, f.Body.Length));
        byte[] bytes = new byte[size];
        var writer = new ProtoWriter(bytes);
        foreach (Field field in fields)
        {
            if (field.Type == WireType.Varint)
            {
                writer.Field(field.Number, field.Value);
            }
            else
            {
                writer.Bytes(field.Number, field.Body);
            }
        }

        return bytes;
    }

    private sealed record Field(int Number, WireType Type, ulong Value, byte[] Body);
}

/// <summary>Mutations of text that work on words, strings, numbers and signs instead of bytes.</summary>
internal static class TextMutator
{
    /// <summary>A changed copy; tokens of the same kind take each other's places, or one from the list comes in.</summary>
    public static bool TryMutate(ReadOnlySpan<byte> text, IReadOnlyList<string> words, Rng random, out byte[] changed)
    {
        changed = [];
        List<string> tokens = Split(System.Text.Encoding.Latin1.GetString(text));
        if (tokens.Count == 0)
        {
            return false;
        }

        int at = random.Below(tokens.Count);
        switch (random.Below(7))
        {
            case 0:
                tokens.RemoveAt(at);
                break;
            case 1:
                tokens.Insert(random.Below(tokens.Count + 1), tokens[at]);
                break;
            case 2:
                int length = 1 + random.Below(Math.Min(tokens.Count - at, 12));
                tokens.InsertRange(random.Below(tokens.Count + 1), tokens.GetRange(at, length));
                break;
            case 3:
                tokens.RemoveRange(at, 1 + random.Below(Math.Min(tokens.Count - at, 8)));
                break;
            case 4:
                tokens[at] = Like(tokens, tokens[at], random);
                break;
            case 5:
                tokens[at] = random.Pick(words);
                break;
            default:
                tokens.Insert(at, random.Pick(words));
                break;
        }

        changed = System.Text.Encoding.Latin1.GetBytes(string.Concat(tokens));
        return true;
    }

    private static string Like(List<string> tokens, string token, Rng random)
    {
        int from = random.Below(tokens.Count);
        for (int i = 0; i < tokens.Count; i++)
        {
            string other = tokens[(from + i) % tokens.Count];
            if (other != token && Kind(other[0]) == Kind(token[0]))
            {
                return other;
            }
        }

        return token;
    }

    private static int Kind(char c) => c == '"' ? 0 : char.IsAsciiLetter(c) ? 1 : char.IsAsciiDigit(c) || c == '-' ? 2 : c;

    private static List<string> Split(string text)
    {
        var tokens = new List<string>();
        for (int at = 0; at < text.Length;)
        {
            int end = at + 1;
            if (text[at] == '"')
            {
                while (end < text.Length && (text[end] != '"' || text[end - 1] == '\\'))
                {
                    end++;
                }

                end = Math.Min(end + 1, text.Length);
            }
            else if (char.IsAsciiLetterOrDigit(text[at]))
            {
                while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || text[end] == '-'))
                {
                    end++;
                }
            }

            tokens.Add(text[at..end]);
            at = end;
        }

        return tokens;
    }
}
