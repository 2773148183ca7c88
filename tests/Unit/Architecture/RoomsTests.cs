using Mono.Cecil;
using Mono.Cecil.Cil;

namespace EtcdAot.Tests.Unit.Architecture;

/// <summary>Goal: arrows between rooms go as the table of DESIGN §2 says. Method: every type reference and every
/// instruction of the compiled core is read and held against <see cref="MayUse"/>. A new edge is an edit of the table.</summary>
public class RoomsTests
{
    private static readonly string[] Floor0 = ["Sys", "Observe", "Wire"];

    /// <summary>Room → rooms it may use beside floor 0 (and itself).</summary>
    internal static readonly Dictionary<string, string[]> MayUse = new(StringComparer.Ordinal)
    {
        ["Sys"] = [],
        ["Observe"] = [],
        ["Wire"] = [],
        ["Net"] = [],
        ["Bolt"] = [],
        ["Wal"] = [],
        ["Raft"] = [],
        ["Http"] = ["Net"],
        ["Backend"] = ["Bolt"],
        ["Grpc"] = ["Http", "Net"],
        ["Mvcc"] = ["Backend"],
        ["Lease"] = ["Backend"],
        ["Auth"] = ["Backend"],
        ["Members"] = ["Backend"],
        ["V2"] = ["Backend"],
        ["Peer"] = ["Http", "Net", "Raft"],
        ["Client"] = ["Grpc", "Http", "Net"],
        ["Server"] = ["Net", "Bolt", "Wal", "Raft", "Backend", "Mvcc", "Lease", "Auth", "Members", "V2", "Peer"],
        ["Api"] = ["Server", "Grpc", "Http", "Net", "Auth", "Mvcc"],
    };

    [Fact]
    public void EdgesBetweenRoomsStandInTheTable()
    {
        using AssemblyDefinition core = AssemblyDefinition.ReadAssembly(typeof(EtcdAot.Sys.Errno).Assembly.Location);
        var wrong = new SortedSet<string>(StringComparer.Ordinal);
        foreach (TypeDefinition type in core.MainModule.GetTypes())
        {
            string? from = Room(type);
            if (from is null)
            {
                continue;
            }

            if (!MayUse.TryGetValue(from, out string[]? may))
            {
                wrong.Add($"room {from} is not in the table (type {type.FullName})");
                continue;
            }

            foreach (TypeReference used in References(type))
            {
                string? to = Room(used);
                if (to is not null && to != from && !may.Contains(to) && !AllowedFloor0(from, to))
                {
                    wrong.Add($"{from} uses {to}: {type.FullName} → {used.FullName}");
                }
            }
        }

        Assert.True(wrong.Count == 0, "Edges outside the table of rooms (DESIGN §2):\n" + string.Join('\n', wrong));
    }

    private static bool AllowedFloor0(string from, string to)
    {
        return Floor0.Contains(to) && (!Floor0.Contains(from) || to == "Sys");
    }

    private static string? Room(TypeReference type)
    {
        TypeReference outer = type;
        while (outer.DeclaringType is not null)
        {
            outer = outer.DeclaringType;
        }

        string[] parts = outer.Namespace.Split('.');
        return parts.Length >= 2 && parts[0] == "EtcdAot" ? parts[1] : null;
    }

    private static IEnumerable<TypeReference> References(TypeDefinition type)
    {
        var found = new List<TypeReference>();
        void Add(TypeReference? t)
        {
            switch (t)
            {
                case null:
                    return;
                case GenericInstanceType g:
                    foreach (TypeReference a in g.GenericArguments)
                    {
                        Add(a);
                    }

                    Add(g.ElementType);
                    return;
                case TypeSpecification s:
                    Add(s.ElementType);
                    return;
                default:
                    found.Add(t);
                    return;
            }
        }

        Add(type.BaseType);
        foreach (InterfaceImplementation i in type.Interfaces)
        {
            Add(i.InterfaceType);
        }

        foreach (FieldDefinition f in type.Fields)
        {
            Add(f.FieldType);
        }

        foreach (MethodDefinition m in type.Methods)
        {
            Add(m.ReturnType);
            foreach (ParameterDefinition p in m.Parameters)
            {
                Add(p.ParameterType);
            }

            if (!m.HasBody)
            {
                continue;
            }

            foreach (VariableDefinition v in m.Body.Variables)
            {
                Add(v.VariableType);
            }

            foreach (Instruction i in m.Body.Instructions)
            {
                switch (i.Operand)
                {
                    case MethodReference mr:
                        Add(mr.DeclaringType);
                        break;
                    case FieldReference fr:
                        Add(fr.DeclaringType);
                        break;
                    case TypeReference tr:
                        Add(tr);
                        break;
                    default:
                        break;
                }
            }
        }

        return found;
    }
}
