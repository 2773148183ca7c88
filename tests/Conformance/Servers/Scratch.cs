// A folder of a test's own, with the file tools that know sparse files. Removed at the end unless KEEP is set.
namespace EtcdAot.Tests.Conformance.Servers;

/// <summary>A temporary folder.</summary>
internal sealed class Scratch : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("conformance.").FullName;

    /// <summary>A path inside.</summary>
    public string this[string name] => Path.Combine(Root, name);

    /// <summary>A copy of a data directory, sparse segments stay sparse.</summary>
    public string Copy(string directory, string name)
    {
        string target = this[name];
        ToolProcess.Check("cp", "-a", "--sparse=always", directory, target);
        return target;
    }

    /// <summary>Unpacks a recorded archive of data directories; its folder.</summary>
    public string Unpack(string name)
    {
        ToolProcess.Check("tar", "-xJf", Programs.Data("datadirs", name + ".tar.xz"), "-C", Root);
        return this[name];
    }

    /// <summary>Unpacks a recorded file; its path.</summary>
    public string UnpackFile(string name)
    {
        File.Copy(Programs.Data("datadirs", name + ".xz"), this[name + ".xz"]);
        ToolProcess.Check("xz", "-d", this[name + ".xz"]);
        return this[name];
    }

    public void Dispose()
    {
        if (Environment.GetEnvironmentVariable("KEEP") is null)
        {
            Directory.Delete(Root, recursive: true);
        }
    }
}
