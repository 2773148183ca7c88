namespace EtcdAot.Cmd.Etcdctl;

/// <summary>Start of the command-line client.</summary>
public static class CtlMain
{
    /// <summary>Runs one command and returns its exit code.</summary>
    public static int Run(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        Console.Error.WriteLine("etcdctl: not composed yet");
        return 1;
    }
}
