// The metrics of one member: families by name, written as Prometheus text 0.0.4 in the original's order and spelling (spec
// api-v3 §10). Filled before the first scrape; afterwards immutable, any thread may write the text.
using System.Buffers;
using System.Text;

namespace EtcdAot.Observe;

/// <summary>Families of metrics.</summary>
public sealed class MetricsRegistry
{
    private readonly SortedDictionary<string, Family> _families = new(StringComparer.Ordinal);

    private readonly record struct Family(string Help, string Kind, Action<MetricsText> Write);

    /// <summary>Adds a counter without labels.</summary>
    public Counter Counter(string name, string help)
    {
        var counter = new Counter();
        Labeled(name, "counter", help, text => text.Sample("", counter.Value));
        return counter;
    }

    /// <summary>Adds a histogram without labels.</summary>
    public Histogram Histogram(string name, string help, double[] bounds)
    {
        var histogram = new Histogram(bounds);
        Labeled(name, "histogram", help, text => text.Samples("", histogram));
        return histogram;
    }

    /// <summary>Adds a value that is asked for at each scrape, on the scraping thread.</summary>
    public void Gauge(string name, string help, Func<double> read)
    {
        Labeled(name, "gauge", help, text => text.Sample("", read()));
    }

    /// <summary>The same for a value that only grows.</summary>
    public void CounterOf(string name, string help, Func<double> read)
    {
        Labeled(name, "counter", help, text => text.Sample("", read()));
    }

    /// <summary>Adds a family whose samples are written by the owner, in the order of their labels.</summary>
    public void Labeled(string name, string kind, string help, Action<MetricsText> write)
    {
        Invariant.Check(!_families.ContainsKey(name), "a metric is added once");
        _families.Add(name, new Family(help, kind, write));
    }

    /// <summary>Writes everything.</summary>
    public void WriteTo(IBufferWriter<byte> output)
    {
        var text = new MetricsText();
        foreach ((string name, Family family) in _families)
        {
            text.Begin(name, family.Kind, family.Help);
            family.Write(text);
            text.End();
        }

        text.CopyTo(output);
    }
}

/// <summary>Text of one scrape.</summary>
public sealed class MetricsText
{
    private readonly StringBuilder _text = new(64 * 1024);
    private string _name = "";
    private int _head;
    private int _body;

    /// <summary>One sample.</summary>
    /// <param name="labels">`a="b",c="d"`, sorted by name, or empty.</param>
    /// <param name="value">Value.</param>
    public void Sample(string labels, double value) => Line("", labels, null, value);

    /// <summary>The samples of a histogram.</summary>
    public void Samples(string labels, Histogram histogram)
    {
        long total = 0;
        for (int i = 0; i < histogram.Bounds.Length; i++)
        {
            total += histogram.InBucket(i);
            Line("_bucket", labels, FloatText.Of(histogram.Bounds[i]), total);
        }

        total += histogram.InBucket(histogram.Bounds.Length);
        Line("_bucket", labels, "+Inf", total);
        Line("_sum", labels, null, histogram.Sum);
        Line("_count", labels, null, total);
    }

    /// <summary>A label's value with what the format escapes escaped.</summary>
    public static string Escape(string value)
    {
        return value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal);
    }

    internal void Begin(string name, string kind, string help)
    {
        _name = name;
        _head = _text.Length;
        _text.Append("# HELP ").Append(name).Append(' ').Append(help).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(kind).Append('\n');
        _body = _text.Length;
    }

    /// <summary>A family without samples is left out altogether.</summary>
    internal void End()
    {
        _text.Length = _text.Length == _body ? _head : _text.Length;
    }

    internal void CopyTo(IBufferWriter<byte> output)
    {
        foreach (ReadOnlyMemory<char> chunk in _text.GetChunks())
        {
            Encoding.UTF8.GetBytes(chunk.Span, output);
        }
    }

    private void Line(string suffix, string labels, string? bound, double value)
    {
        _text.Append(_name).Append(suffix);
        if (labels.Length > 0 || bound is not null)
        {
            _text.Append('{').Append(labels);
            if (bound is not null)
            {
                _text.Append(labels.Length > 0 ? "," : "").Append("le=\"").Append(bound).Append('"');
            }

            _text.Append('}');
        }

        _text.Append(' ').Append(FloatText.Of(value)).Append('\n');
    }
}
