using System.Text;
using EtcdAot.Http.Hpack;

namespace EtcdAot.Tests.Unit.Http;

/// <summary>Goal: a table that grows by need holds what RFC 7541 §4 says, whatever was inserted before. Method: random
/// inserts and resizes beside a plain list; fixed seeds.</summary>
public class DynamicTableTests
{
    [Theory]
    [InlineData(1, 4096)]
    [InlineData(2, 4096)]
    [InlineData(3, 300)]
    [InlineData(4, 33)]
    public void RandomInsertsMatchAList(int seed, int capacityMax)
    {
        var random = new Random(seed);
        var table = new DynamicTable(capacityMax);
        var twin = new List<(string Name, string Value)>();
        int capacity = capacityMax;
        for (int round = 0; round < 5000; round++)
        {
            if (random.Next(50) == 0)
            {
                capacity = random.Next(capacityMax + 1);
                table.Resize(capacity);
            }
            else
            {
                // Mostly short fields, so that entries are many; now and then one as large as the table, or larger.
                string name = new((char)('a' + random.Next(26)), random.Next(random.Next(20) == 0 ? capacityMax + 1 : 12));
                string value = round.ToString("D" + random.Next(1, 30));
                table.Insert(Encoding.ASCII.GetBytes(name), Encoding.ASCII.GetBytes(value));
                twin.Insert(0, (name, value));
            }

            while (twin.Sum(static f => f.Name.Length + f.Value.Length + 32) > capacity)
            {
                twin.RemoveAt(twin.Count - 1);
            }

            Assert.Equal(twin, Fields(table));
        }
    }

    private static IEnumerable<(string Name, string Value)> Fields(DynamicTable table)
    {
        for (int i = 0; i < table.Count; i++)
        {
            yield return (Encoding.ASCII.GetString(table.Name(i)), Encoding.ASCII.GetString(table.Value(i)));
        }
    }
}
