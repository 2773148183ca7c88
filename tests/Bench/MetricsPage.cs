// Asks a server for /metrics and reads single numbers from the text. Main thread.
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using EtcdAot.Sys;

namespace EtcdAot.Tests.Bench;

/// <summary>One scrape.</summary>
internal sealed class MetricsPage(string text)
{
    /// <summary>Fetches the page; an IOException when the server does not give it.</summary>
    internal static MetricsPage Fetch(NetworkAddress address)
    {
        using var client = new TcpClient();
        client.Connect(IPEndPoint.Parse(address.ToString()));
        using NetworkStream stream = client.GetStream();
        stream.Write(Encoding.ASCII.GetBytes($"GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        string answer = reader.ReadToEnd();
        return answer.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal)
            ? new MetricsPage(answer)
            : throw new IOException("no metrics: " + answer.Split('\r')[0]);
    }

    /// <summary>Value of a sample without labels; NaN when there is none.</summary>
    internal double Value(string name)
    {
        foreach (string line in text.Split('\n'))
        {
            if (line.StartsWith(name + " ", StringComparison.Ordinal)
                && double.TryParse(line.AsSpan(name.Length + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
            {
                return value;
            }
        }

        return double.NaN;
    }
}
