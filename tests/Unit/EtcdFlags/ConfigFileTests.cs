using EtcdAot.Cmd.Etcd.Flags;

namespace EtcdAot.Tests.Unit.EtcdFlags;

/// <summary>Goal: config files mean what they mean to the original, with its error texts (server-config §3), which were
/// taken from it.</summary>
public class ConfigFileTests
{
    private const string Json = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ";

    [Fact]
    public void KeysAreFlagNamesInAnyCaseAndTheLastDoubleWins()
    {
        var values = new FlagValues();
        Assert.Null(ConfigFile.Parse(
            """
            Name: 'a'
            snapshot-count: 5
            snapshot-count: 10
            heartbeat-interval: 200
            pre-vote: no
            grpc-keepalive-timeout: 3000000000
            log-outputs: [stderr, /x.log]
            listen-client-urls: http://127.0.0.1:2,http://127.0.0.1:1
            wal-dir: null
            unknown: 1
            client-transport-security:
              cert-file: /c.pem
            """, values));
        Assert.Equal("a", values["name"].Text);
        Assert.Equal(10, values["snapshot-count"].Number);
        Assert.False(values["pre-vote"].IsTrue);
        Assert.Equal(3_000_000_000, values["grpc-keepalive-timeout"].Number);
        Assert.Equal(["stderr", "/x.log"], values["log-outputs"].Items);
        Assert.Equal(["http://127.0.0.1:1", "http://127.0.0.1:2"], values["listen-client-urls"].Items);
        Assert.False(values.IsSet("wal-dir"));
        Assert.Equal("/c.pem", values["cert-file"].Text);
    }

    [Theory]
    [InlineData("snapshot-count: \"5\"", Json + "string into Go struct field configYAML.Config.snapshot-count of type uint64")]
    [InlineData("snapshot-count: -1", Json + "number -1 into Go struct field configYAML.Config.snapshot-count of type uint64")]
    [InlineData("name: 5", Json + "number into Go struct field configYAML.Config.name of type string")]
    [InlineData("name: [1]", Json + "array into Go struct field configYAML.Config.name of type string")]
    [InlineData("enable-pprof: 1", Json + "number into Go struct field configYAML.Config.enable-pprof of type bool")]
    [InlineData("log-outputs: x", Json + "string into Go struct field configYAML.Config.log-outputs of type []string")]
    [InlineData("listen-metrics-urls: x",
        "unexpected error setting up listen-metrics-urls: URL scheme must be http, https, unix, or unixs: x")]
    [InlineData("initial-cluster-state: foo", "unexpected clusterState \"foo\"")]
    public void WrongTypesHaveTheDecodersText(string yaml, string expected) =>
        Assert.Equal(expected, ConfigFile.Parse(yaml, new FlagValues()));

    [Theory]
    [InlineData("[", "max depth")]
    [InlineData("{a: ", "max depth")]
    public void DepthIsBounded(string open, string expected)
    {
        string text = "name: " + string.Concat(Enumerable.Repeat(open, 100_000));
        Assert.Contains(expected, ConfigFile.Parse(text, new FlagValues()), StringComparison.Ordinal);
    }

    [Fact]
    public void AliasesThatDoubleAreRefused()
    {
        string text = "a0: &a0 {k: 1}\n" + string.Concat(Enumerable.Range(1, 40).Select(static i => $"a{i}: &a{i} {{<<: *a{i - 1}, k{i}: {{<<: *a{i - 1}}}}}\n"));
        Assert.Contains("excessive aliasing", ConfigFile.Parse(text, new FlagValues()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("name: \"x\n")]
    [InlineData("a: [\n")]
    [InlineData("name: a\nfoo bar\n")]
    [InlineData("%%%")]
    [InlineData("\0\t- : {")]
    [InlineData("b:\n  <<: *x\n")]
    [InlineData("name: !!seq [!!seq [!!seq PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n[!!seq [")]
    public void WhatIsNoYamlIsAnErrorAndNoCrash(string text) =>
        Assert.StartsWith("error converting YAML to JSON: yaml: line ", ConfigFile.Parse(text, new FlagValues()), StringComparison.Ordinal);
}
