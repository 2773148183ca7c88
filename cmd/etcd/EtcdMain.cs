namespace EtcdAot.Cmd.Etcd;

/// <summary>Start and stop of one member process.</summary>
public static class EtcdMain
{
    /// <summary>Runs the program and returns its exit code.</summary>
    public static int Run(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        Console.Error.WriteLine("etcd: not composed yet");
        return 1;
    }
}
