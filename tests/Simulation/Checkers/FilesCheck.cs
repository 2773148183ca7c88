// The files of a machine at the end: stopped in order, the db passes bolt's check, the log can be read from its newest
// snapshot on, and one more life shows everything that was ever published.
using EtcdAot.Bolt;
using EtcdAot.Observe;
using EtcdAot.Server;
using EtcdAot.Tests.Simulation.Members;
using EtcdAot.Tests.Simulation.World;
using EtcdAot.Wal;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Tests.Simulation.Checkers;

/// <summary>Looks at the files.</summary>
internal static class FilesCheck
{
    public static void Run(Machine machine, Chronicle chronicle)
    {
        machine.Stop();
        ReadLog(machine);
        CheckDb(machine);
        StartFailure? failure = machine.Start();
        if (failure is not null)
        {
            throw new BrokenPromiseException($"{machine.Name} does not start at the end: {failure.Message}: {failure.Error}");
        }

        for (int i = 0; i < 100 && !machine.Life!.IsCurrent; i++)
        {
            machine.Life.StepAll();
        }

        if (!machine.Life!.IsCurrent || machine.Life.Server!.View.Revision != chronicle.Last)
        {
            throw new BrokenPromiseException($"{machine.Name} ends at revision {machine.Life.Server!.View.Revision}, "
                + $"{chronicle.Last} was published");
        }
    }

    private static void ReadLog(Machine machine)
    {
        var options = new WalOptions(machine.Disk, machine, new Log(machine, machine));
        string directory = machine.Options.EffectiveWalDir;
        WalError e = WriteAheadLog.ValidSnapshots(options, directory, out List<WalSnapshot> snapshots);
        if (e.Failed)
        {
            throw new BrokenPromiseException($"the log of {machine.Name} cannot be read: {e.Text}");
        }

        WalSnapshot newest = snapshots.MaxBy(static s => s.Index);
        e = WriteAheadLog.Read(options, directory, newest, out WalContents? contents);
        contents?.Dispose();
        if (e.Failed)
        {
            throw new BrokenPromiseException($"the log of {machine.Name} behind {newest.Index} cannot be read: {e.Text}");
        }
    }

    private static void CheckDb(Machine machine)
    {
        BoltError e = Db.Open(machine.Disk, machine.Options.BackendPath, new DbOptions { ReadOnly = true }, out Db? db);
        if (e.Failed)
        {
            throw new BrokenPromiseException($"the db of {machine.Name} cannot be opened: {e.Text}");
        }

        List<string> problems = db!.Check();
        db.Dispose();
        if (problems.Count > 0)
        {
            throw new BrokenPromiseException($"the db of {machine.Name} is not sound: {problems[0]} ({problems.Count} in all)");
        }
    }
}
