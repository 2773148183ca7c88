// The verbs of the simulator; tests/Simulation/README.md tells what it is. Exit code 0: nothing was found.
using System.Globalization;
using EtcdAot.Tests.Simulation;
using EtcdAot.Tests.Simulation.Checkers;

string verb = args.Length > 0 ? args[0] : "";
ulong Number(int at, ulong otherwise) =>
    args.Length > at ? ulong.Parse(args[at], CultureInfo.InvariantCulture) : otherwise;

return verb switch
{
    "seeds" => Runs.Seeds(Number(1, 1), Number(2, 8), (long)Number(3, 60)),
    "seed" => Runs.One(Number(1, 1), (long)Number(2, 60), args.Contains("-v")),
    "hash" => Runs.Hash(Number(1, 1), (long)Number(2, 60)),
    "first" => Runs.First(Number(1, 1), (long)Number(2, 60)),
    "check" => SelfCheck.Run(),
    _ => Runs.Usage(),
};
