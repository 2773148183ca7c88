// A cluster for the scripts: every output of a node is printed, nothing moves unless a verb moves it. One line an event.
using System.Text;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;
using EtcdAot.Wire.Raftpb;

namespace EtcdAot.Tests.Unit.Raft;

/// <summary>Nodes by id, messages on their way, writes that wait for their sync.</summary>
internal sealed class ScriptCluster : IDisposable
{
    private readonly SortedDictionary<ulong, Member> _members = [];
    private readonly List<RaftMessage> _network = [];
    private readonly StringBuilder _out = new();
    private readonly SlabArena _arena = new();

    private sealed class Member
    {
        public RaftNode? Node;
        public required RaftConfig Config;
        public DurableState State;
        public RaftSnapshot Snapshot = new(0, 0, ConfiguredMembers.Empty, default);
        public readonly List<LogEntry> Disk = [];
        public readonly Queue<(LogAppend Append, LogEntry[] Entries)> Writes = new();
    }

    public void Dispose() => _arena.Dispose();

    /// <summary>Runs one line; returns what happened.</summary>
    public string Run(string line)
    {
        _out.Clear();
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Do(words[0], words.AsSpan(1));
        return _out.ToString();
    }

    private void Do(string verb, ReadOnlySpan<string> args)
    {
        switch (verb)
        {
            case "nodes":
                Nodes(args);
                return;
            case "blank":
                _members[Id(args[0])] = new Member { Config = new RaftConfig { Id = Id(args[0]) } };
                Start(Id(args[0]));
                return;
            case "deliver":
                Deliver(args.Length > 0 ? Id(args[0]) : 0);
                return;
            case "drop":
                Drop(Id(args[0]), Id(args[1]));
                return;
            case "stabilize":
                Stabilize();
                return;
            case "elect":
                // The long way there is in election.txt.
                _members[Id(args[0])].Node!.Campaign();
                Rounds(Id(args[0]));
                Stabilize();
                _out.Clear();
                Status();
                return;
            case "crash":
                Crash(Id(args[0]));
                return;
            case "restart":
                Start(Id(args[0]));
                return;
            case "status":
                Status();
                return;
            case "log":
                PrintLog(Id(args[0]));
                return;
            default:
                OnNode(verb, Id(args[0]), args[1..]);
                return;
        }
    }

    private void OnNode(string verb, ulong id, ReadOnlySpan<string> args)
    {
        RaftNode node = _members[id].Node!;
        switch (verb)
        {
            case "tick":
                for (int i = args.Length > 0 ? int.Parse(args[0]) : 1; i > 0; i--)
                {
                    node.Tick();
                }

                break;
            case "campaign":
                Print($"{id} campaign: {node.Campaign()}");
                break;
            case "propose":
                foreach (string text in args)
                {
                    Print($"{id} propose {text}: {node.Propose(Bytes(text))}");
                }

                break;
            case "change":
                Print($"{id} change {args[0]}: {node.ProposeConfChange(Bytes(args[0]))}");
                break;
            case "read":
                Print($"{id} read {args[0]}: {node.ReadIndex(Id(args[0]))}");
                break;
            case "transfer":
                Print($"{id} transfer to {args[0]}: {node.TransferLeader(Id(args[0]))}");
                break;
            case "compact":
                node.Compact(Id(args[0]));
                break;
            case "unreachable":
                node.ReportUnreachable(Id(args[0]));
                break;
            case "snapshot-status":
                node.ReportSnapshot(Id(args[0]), args[1] == "ok");
                break;
            case "sync":
                Sync(id, args.Length > 0 ? int.Parse(args[0]) : int.MaxValue);
                break;
            default:
                throw new ArgumentException("no verb " + verb);
        }

        Rounds(id);
    }

    // nodes <voters> [election=10] [prevote=off]
    private void Nodes(ReadOnlySpan<string> args)
    {
        int count = int.Parse(args[0]);
        var config = new RaftConfig { Id = 1 };
        foreach (string option in args[1..])
        {
            string value = option[(option.IndexOf('=') + 1)..];
            config = option[..option.IndexOf('=')] switch
            {
                "prevote" => config with { PreVote = value == "on" },
                "election" => config with { ElectionTicks = int.Parse(value) },
                "inflight" => config with { InflightMax = int.Parse(value) },
                "bytes" => config with { MessageBytesMax = int.Parse(value) },
                _ => throw new ArgumentException("no option " + option),
            };
        }

        ulong[] ids = [.. Enumerable.Range(1, count).Select(i => (ulong)i)];
        foreach (ulong id in ids)
        {
            _members[id] = new Member
            {
                Config = config with { Id = id },
                State = new DurableState(1, 0, 1),
                Snapshot = new RaftSnapshot(1, 1, new ConfiguredMembers(ids, []), default),
            };
            Start(id);
        }
    }

    private void Start(ulong id)
    {
        Member member = _members[id];
        foreach (LogEntry entry in member.Disk)
        {
            entry.Data.AddReference();
        }

        member.Node = new RaftNode(member.Config, new SeededRandomness(id), new RaftStart
        {
            State = member.State,
            SnapshotIndex = member.Snapshot.Index,
            SnapshotTerm = member.Snapshot.Term,
            Members = member.Snapshot.Members,
            Entries = [.. member.Disk],
        });
        Print($"{id} starts: term {member.State.Term} vote {member.State.Vote} commit {member.State.Commit} log "
            + $"{member.Node.Log.FirstIndex}..{member.Node.Log.LastIndex}");
        Rounds(id);
    }

    private void Crash(ulong id)
    {
        Member member = _members[id];
        Print($"{id} crashes, {member.Writes.Count} writes lost");
        member.Node!.Close();
        member.Node = null;
        member.Writes.Clear();
    }

    private void Rounds(ulong id)
    {
        Member member = _members[id];
        while (member.Node!.HasReady)
        {
            Ready ready = member.Node.TakeReady();
            if (ready.SoftStateChanged)
            {
                Print($"{id} is {ready.Role}, leader {ready.Leader}");
            }

            LogAppend append = ready.Append;
            if (append.Identity != 0)
            {
                Print($"{id} writes #{append.Identity}:{ScriptText.Append(in append, ready.AppendEntries)}");
                LogEntry[] copy = ScriptText.Copy(ready.AppendEntries);
                member.Writes.Enqueue((append, copy));
            }

            foreach (RaftMessage m in ready.Messages)
            {
                Emit(m);
            }

            foreach (ReadState read in ready.ReadStates)
            {
                Print($"{id} may read {read.Context} at {read.Index}");
            }

            Apply(id, in ready);
        }

        if (member.Node.Fault != RaftFault.None)
        {
            Print($"{id} fault {member.Node.Fault}");
        }
    }

    private void Apply(ulong id, in Ready ready)
    {
        RaftNode node = _members[id].Node!;
        if (ready.Snapshot is { } snapshot)
        {
            Print($"{id} loads snapshot {snapshot.Term}/{snapshot.Index} {ScriptText.Members(snapshot.Members)}");
            node.OnApplied(snapshot.Index);
        }

        LogEntry[] entries = ScriptText.Copy(ready.Committed);
        foreach (LogEntry entry in entries)
        {
            Print($"{id} applies {ScriptText.Entry(in entry)}");
            if (entry.Kind == EntryKind.ConfChange)
            {
                (ConfChangeType type, ulong target) = ScriptText.ParseChange(entry.Data);
                Print($"{id} members {ScriptText.Members(node.ApplyConfChange(type, target))}");
            }

            node.OnApplied(entry.Index);
        }
    }

    private void Sync(ulong id, int count)
    {
        Member member = _members[id];
        while (count-- > 0 && member.Writes.TryDequeue(out (LogAppend Append, LogEntry[] Entries) write))
        {
            Print($"{id} synced #{write.Append.Identity}");
            Store(member, in write.Append, write.Entries);
            foreach (RaftMessage m in write.Append.Answers ?? [])
            {
                Emit(m);
            }

            member.Node!.OnAppended(write.Append.Answer);
            Rounds(id);
        }
    }

    private static void Store(Member member, in LogAppend append, LogEntry[] entries)
    {
        if (append.Snapshot is { } snapshot)
        {
            member.Snapshot = snapshot;
            member.Disk.Clear();
        }

        foreach (LogEntry entry in entries)
        {
            int position = (int)(entry.Index - member.Snapshot.Index) - 1;
            member.Disk.RemoveRange(position, member.Disk.Count - position);
            entry.Data.AddReference();
            member.Disk.Add(entry);
        }

        member.State = append.State ?? member.State;
    }

    private void Emit(RaftMessage m)
    {
        Print("  " + ScriptText.Message(in m));
        _network.Add(m);
    }

    private void Deliver(ulong to)
    {
        RaftMessage[] due = [.. _network.Where(m => to == 0 || m.To == to)];
        _network.RemoveAll(m => to == 0 || m.To == to);
        foreach (RaftMessage m in due)
        {
            if (_members.TryGetValue(m.To, out Member? member) && member.Node is not null)
            {
                StepResult result = member.Node.Step(in m);
                Print($"{m.To} gets {ScriptText.Message(in m)}{(result == StepResult.Ok ? "" : " " + result)}");
                m.Release();
                Rounds(m.To);
            }
            else
            {
                m.Release();
            }
        }
    }

    private void Drop(ulong from, ulong to)
    {
        foreach (RaftMessage m in _network.Where(m => m.From == from && m.To == to))
        {
            Print("lost " + ScriptText.Message(in m));
            m.Release();
        }

        _network.RemoveAll(m => m.From == from && m.To == to);
    }

    private void Stabilize()
    {
        for (int i = 0; i < 100; i++)
        {
            bool idle = _network.Count == 0;
            foreach ((ulong id, Member member) in _members)
            {
                if (member.Node is not null && member.Writes.Count > 0)
                {
                    idle = false;
                    Sync(id, int.MaxValue);
                }
            }

            if (idle)
            {
                return;
            }

            Deliver(0);
        }

        Print("does not settle");
    }

    private void Status()
    {
        foreach ((ulong id, Member member) in _members)
        {
            Print(member.Node is null ? $"{id} down" : ScriptText.Status(member.Node));
        }
    }

    private void PrintLog(ulong id)
    {
        RaftLog log = _members[id].Node!.Log;
        for (ulong i = log.FirstIndex; i <= log.LastIndex; i++)
        {
            Print(ScriptText.Entry(in log.At(i)));
        }
    }

    private SlabSlice Bytes(string text) => _arena.Copy(Encoding.UTF8.GetBytes(text));

    private void Print(string line) => _out.Append(line).Append('\n');

    private static ulong Id(string text) => ulong.Parse(text);
}
