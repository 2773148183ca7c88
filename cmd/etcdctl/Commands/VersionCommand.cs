// version: two lines; reads no environment and no format (etcdctl §2).
namespace EtcdAot.Cmd.Etcdctl.Commands;

/// <summary>The version command.</summary>
internal static class VersionCommand
{
    public static Command Version(string program) => new()
    {
        Use = "version",
        Brief = $"Print the version of {program}",
        Run = call =>
        {
            call.Terminal.Out.Write($"{program} version: {Versions.Client}\nAPI version: {Versions.Api}\n");
            return ExitCode.Success;
        },
    };
}
