// --config-file (spec server-config §3): YAML or JSON, keys of the flag table, types checked as the
// original's decoder does. Start-up thread only.
using System.Globalization;
using EtcdAot.Observe;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace EtcdAot.Cmd.Etcd.Flags;

/// <summary>Reads a configuration file into flag values.</summary>
internal static class ConfigFile
{
    private static readonly SortedDictionary<string, Flag> Keys = new(
        FlagTable.All.Where(static f => f.YamlKey.Length > 0)
            .ToDictionary(static f => f.YamlKey, StringComparer.OrdinalIgnoreCase),
        StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads a file. Null, or the problem.</summary>
    public static string? Read(string path, FlagValues values)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e is FileNotFoundException or DirectoryNotFoundException
                ? $"open {path}: no such file or directory"
                : Directory.Exists(path) ? $"read {path}: is a directory" : $"open {path}: permission denied";
        }

        return Parse(text, values);
    }

    /// <summary>Reads a text. Null, or the problem.</summary>
    public static string? Parse(string text, FlagValues values)
    {
        YamlNode? root;
        var events = new BoundedYaml(new Parser(new StringReader(WithoutDoubles(text))));
        try
        {
            var stream = new YamlStream();
            stream.Load(new MergingParser(events));
            root = stream.Documents.Count == 0 ? null : stream.Documents[0].RootNode;
        }
        catch (YamlException e)
        {
            return Describe(text, e);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The library also says by whatever exception comes up that a text is no YAML: found by fuzzing.
            string what = e is KeyNotFoundException ? "unknown anchor referenced" : "did not find expected node content";
            return $"error converting YAML to JSON: yaml: line {events.Line}: {what}";
        }

        return root switch
        {
            null => null,
            YamlMappingNode map => Walk(map, "", values),
            YamlScalarNode scalar when IsNull(scalar) => null,
            YamlScalarNode => Mismatch("string", "", "embed.configYAML"),
            _ => Mismatch("array", "", "embed.configYAML"),
        };
    }

    private static string? Walk(YamlMappingNode map, string prefix, FlagValues values)
    {
        foreach ((YamlNode keyNode, YamlNode node) in map.Children)
        {
            if (keyNode is not YamlScalarNode { Value: { } word })
            {
                continue;
            }

            string key = prefix + word;
            string? problem = node is YamlMappingNode inner && prefix.Length == 0 && IsGroup(key)
                ? Walk(inner, key + ".", values)
                : Keys.TryGetValue(key, out Flag? flag) ? Take(flag, node, values) : null;
            if (problem is not null)
            {
                return problem;
            }
        }

        return null;
    }

    private static bool IsGroup(string key) =>
        Keys.Keys.Any(k => k.StartsWith(key + ".", StringComparison.OrdinalIgnoreCase));

    private static string? Take(Flag flag, YamlNode node, FlagValues values)
    {
        bool wantsList = flag.Name is "log-outputs" or "cipher-suites" or "client-cert-allowed-hostname"
            or "peer-cert-allowed-cn" or "peer-cert-allowed-hostname";
        if (node is YamlScalarNode empty && IsNull(empty))
        {
            return null;
        }

        if (node is YamlSequenceNode list && wantsList)
        {
            string[] items = [.. list.Children.OfType<YamlScalarNode>().Select(static n => n.Value ?? "")];
            values.Set(flag.Name, new FlagValue(string.Join(',', items), 0, items));
            return null;
        }

        if (node is not YamlScalarNode scalar || wantsList)
        {
            string found = node is YamlMappingNode ? "object" : node is YamlSequenceNode ? "array" : "string";
            return Mismatch(found, flag.YamlKey, TypeName(flag, wantsList));
        }

        return TakeScalar(flag, scalar, values);
    }

    private static string? TakeScalar(Flag flag, YamlScalarNode scalar, FlagValues values)
    {
        string text = scalar.Value ?? "";
        bool plain = scalar.Style == ScalarStyle.Plain;
        string found = !plain ? "string"
            : BoolOf(text) is not null ? "bool" : IsNumber(text) ? "number" : "string";
        bool fits = flag.Kind switch
        {
            FlagKind.Bool => found == "bool",
            FlagKind.Int or FlagKind.Long or FlagKind.Uint or FlagKind.Uint32 or FlagKind.Uint64
                or FlagKind.Duration =>
                found == "number",
            _ => found == "string",
        };
        if (!fits)
        {
            return Mismatch(found, flag.YamlKey, TypeName(flag, isList: false));
        }

        if (flag.Kind == FlagKind.Duration)
        {
            text += "ns";
        }

        string? problem = values.TrySet(flag, flag.Kind == FlagKind.Bool ? BoolOf(text)! : text);
        return problem is null ? null
            : found == "number"
                ? Mismatch("number " + scalar.Value, flag.YamlKey, TypeName(flag, isList: false))
            : flag.Name == "initial-cluster-state" ? $"unexpected clusterState {GoQuote.Text(text)}"
            : $"unexpected error setting up {flag.Name}: {problem}";
    }

    private static bool IsNull(YamlScalarNode node) =>
        node.Style == ScalarStyle.Plain && node.Value is null or "" or "~" or "null" or "Null" or "NULL";

    // YAML 1.1.
    private static string? BoolOf(string text) => text.ToLowerInvariant() switch
    {
        "true" or "yes" or "on" or "y" => "true",
        "false" or "no" or "off" or "n" => "false",
        _ => null,
    };

    private static bool IsNumber(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _)
        || GoNumber.ReadInt(text, 0, out _) == NumberFault.None
        || GoNumber.ReadUint(text, 0, out _) == NumberFault.None;

    private static string Mismatch(string found, string key, string type)
    {
        string field = key.Length == 0 ? "value"
            : key.Contains('.', StringComparison.Ordinal) ? "struct field securityConfig.configJSON." + key
            : "struct field configYAML.Config." + key;
        return "error unmarshaling JSON: while decoding JSON: json: " +
            $"cannot unmarshal {found} into Go {field} of type {type}";
    }

    private static string TypeName(Flag flag, bool isList) => flag.Kind switch
    {
        _ when isList => "[]string",
        FlagKind.Bool => "bool",
        FlagKind.Int => "int",
        FlagKind.Long => "int64",
        FlagKind.Uint => "uint",
        FlagKind.Uint32 => "uint32",
        FlagKind.Uint64 => "uint64",
        FlagKind.Duration => "time.Duration",
        _ => "string",
    };

    // Of a top-level key that stands twice, the last counts; the node model refuses doubles.
    private static string WithoutDoubles(string text)
    {
        string[] lines = text.Split('\n');
        var last = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < lines.Length; i++)
        {
            if (TopLevelKey(lines[i]) is { } key)
            {
                if (last.TryGetValue(key, out int earlier))
                {
                    Blank(lines, earlier);
                }

                last[key] = i;
            }
        }

        return string.Join('\n', lines);
    }

    private static void Blank(string[] lines, int from)
    {
        lines[from] = "";
        for (int i = from + 1; i < lines.Length && (lines[i].Length == 0 || lines[i][0] is ' ' or '-'); i++)
        {
            lines[i] = "";
        }
    }

    private static string? TopLevelKey(string line)
    {
        int colon = line.IndexOf(':', StringComparison.Ordinal);
        return colon <= 0 || !(char.IsAsciiLetter(line[0]))
            || (colon + 1 < line.Length && line[colon + 1] is not (' ' or '\r'))
            ? null : line[..colon];
    }

    private static string Describe(string text, YamlException e)
    {
        long line = Math.Max(1, e.Start.Line);
        bool tab = text.Split('\n').ElementAtOrDefault((int)line - 1) is { } found
            && found.TrimStart(' ').StartsWith('\t');
        string what = tab ? "found a tab character that violates indentation"
            : e.Message.Contains("node content", StringComparison.OrdinalIgnoreCase)
                || e.Message.Contains("parsing a node", StringComparison.OrdinalIgnoreCase)
                ? "did not find expected node content" : e.Message.TrimEnd('.');
        return $"error converting YAML to JSON: yaml: line {line}: {what}";
    }
}
