// Which cases run in which pair. Pure.
namespace EtcdAot.Tests.Bench;

/// <summary>A row with a number of clients.</summary>
internal readonly record struct Case(string Row, int Clients)
{
    /// <summary>True when a required figure rests on it.</summary>
    internal bool Required => Clients == RequiredFigures.Clients && RequiredFigures.Rows.Contains(Row);
}

/// <summary>The order of work.</summary>
internal sealed class Plan(Options options)
{
    /// <summary>All cases in the order in which they are printed.</summary>
    internal Case[] Cases { get; } =
        [.. options.Rows.SelectMany(row => options.Clients.Select(clients => new Case(row, clients)))];

    /// <summary>Pairs in all.</summary>
    internal int Pairs => Math.Max(Cases.Any(static c => c.Required) ? options.Pairs : 0, OtherPairs);

    private int OtherPairs => Cases.All(static c => c.Required) ? 0 : options.OtherPairs;

    /// <summary>What each of the two servers gets in a pair. Required cases come first, so that the server is in the
    /// same state for them whether others follow or not.</summary>
    internal Case[] Of(int pair)
    {
        return [
            .. Cases.Where(c => c.Required && pair < options.Pairs),
            .. Cases.Where(c => !c.Required && pair < options.OtherPairs)];
    }

    /// <summary>A B, B A, A B …: neither always has what the other left behind.</summary>
    internal static bool OursFirst(int pair) => pair % 2 == 0;
}
