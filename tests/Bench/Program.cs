// The bench program: compares two servers, or measures one that runs already.
using EtcdAot.Net;
using EtcdAot.Sys;
using EtcdAot.Tests.Bench;

if (args is ["stub", ..])
{
    return StubServer.Run(args);
}

try
{
    if (args.Contains("--help"))
    {
        Console.WriteLine(Options.Help);
        return 0;
    }

    if (Options.Parse(args) is not { } options)
    {
        Console.Error.WriteLine(Options.Help);
        return 2;
    }

    if (options.Endpoint == "")
    {
        return Harness.Compare(options);
    }

    if (!Listener.TryParse(options.Endpoint, out NetworkAddress address))
    {
        Console.Error.WriteLine("not an IP address and port: " + options.Endpoint);
        return 2;
    }

    using var generator = new Generator(address);
    if (options.Load)
    {
        generator.Load();
    }

    ProcessProbe? probe = options.Pid > 0 ? new ProcessProbe(options.Pid) : null;
    List<RowResult> results = Harness.RunCases(generator, probe, new Plan(options).Cases, options.Duration);
    return results.TrueForAll(static r => r.Errors == 0) ? 0 : 1;
}
catch (Exception e) when (e is IOException or FormatException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
