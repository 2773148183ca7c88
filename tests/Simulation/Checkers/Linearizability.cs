// Is a history of operations, each with its call and its return, one that a single copy could have given? The search of
// Wing and Gong with Lowe's memory of visited states, one partition (key) at a time. It knows nothing of etcd.
namespace EtcdAot.Tests.Simulation.Checkers;

/// <summary>What a single copy does.</summary>
/// <typeparam name="TState">Its state; compared by value.</typeparam>
/// <typeparam name="TOp">An operation with its result, if that is known.</typeparam>
internal interface ISequentialModel<TState, in TOp>
{
    TState Initial { get; }

    /// <summary>False when the operation could not have had its result in that state.</summary>
    bool Step(TState state, TOp op, out TState next);
}

/// <summary>An operation in time.</summary>
/// <param name="Op">What was done and what came back.</param>
/// <param name="Called">When it was called.</param>
/// <param name="Returned">When it returned; <see cref="long.MaxValue"/> when nobody knows whether it took effect: it may
/// do so at any later time, or never.</param>
internal readonly record struct TimedOp<TOp>(TOp Op, long Called, long Returned);

/// <summary>Outcome of a check.</summary>
internal enum Verdict
{
    Linearizable,
    Broken,

    /// <summary>The bound of steps was met first.</summary>
    Undecided,
}

/// <summary>The checker.</summary>
internal static class Linearizability
{
    /// <summary>Looks for an order.</summary>
    /// <param name="model">The single copy.</param>
    /// <param name="history">Operations of one partition, in any order.</param>
    /// <param name="maxSteps">States looked at before giving up.</param>
    /// <param name="deepest">Operations in the longest order found; those beside it are where to look.</param>
    public static Verdict Check<TState, TOp>(
        ISequentialModel<TState, TOp> model, IReadOnlyList<TimedOp<TOp>> history, long maxSteps, out List<int> deepest)
        where TState : IEquatable<TState>
    {
        deepest = [];
        var search = new Search<TState, TOp>(model, history);
        return search.Run(maxSteps, deepest);
    }

    private sealed class Node(int op, bool isCall)
    {
        public int Op { get; } = op;

        public bool IsCall { get; } = isCall;

        public Node? Match { get; set; }

        public Node? Previous { get; set; }

        public Node? Next { get; set; }
    }

    private sealed class Search<TState, TOp>
        where TState : IEquatable<TState>
    {
        private readonly ISequentialModel<TState, TOp> _model;
        private readonly IReadOnlyList<TimedOp<TOp>> _history;
        private readonly Node _head = new(-1, false);
        private readonly HashSet<Visited> _visited = [];
        private readonly ulong[] _done;

        public Search(ISequentialModel<TState, TOp> model, IReadOnlyList<TimedOp<TOp>> history)
        {
            _model = model;
            _history = history;
            _done = new ulong[(history.Count + 63) / 64];
            var events = new List<(long Time, bool IsReturn, int Op)>();
            for (int i = 0; i < history.Count; i++)
            {
                events.Add((history[i].Called, false, i));
                events.Add((history[i].Returned, true, i));
            }

            // At one instant calls come first: the two overlap.
            events.Sort();
            var calls = new Node[history.Count];
            Node last = _head;
            foreach ((_, bool isReturn, int op) in events)
            {
                var node = new Node(op, !isReturn) { Previous = last };
                last.Next = node;
                last = node;
                if (isReturn)
                {
                    calls[op].Match = node;
                }
                else
                {
                    calls[op] = node;
                }
            }
        }

        public Verdict Run(long maxSteps, List<int> deepest)
        {
            TState state = _model.Initial;
            var stack = new Stack<(Node Call, TState Before)>();
            Node? at = _head.Next;
            while (_head.Next is not null)
            {
                if (at is { IsCall: true })
                {
                    if (maxSteps-- <= 0)
                    {
                        return Verdict.Undecided;
                    }

                    if (_model.Step(state, _history[at.Op].Op, out TState next) && Visit(at.Op, next))
                    {
                        stack.Push((at, state));
                        state = next;
                        Lift(at);
                        at = _head.Next;
                        continue;
                    }

                    at = at.Next;
                    continue;
                }

                // A return whose call is not in the order: go back one choice. Those that never returned need not be.
                if (at is null || _history[at.Op].Returned == long.MaxValue)
                {
                    return Verdict.Linearizable;
                }

                if (stack.Count > deepest.Count)
                {
                    deepest.Clear();
                    deepest.AddRange(stack.Reverse().Select(s => s.Call.Op));
                }

                if (!stack.TryPop(out (Node Call, TState Before) choice))
                {
                    return Verdict.Broken;
                }

                state = choice.Before;
                Unlift(choice.Call);
                _done[choice.Call.Op / 64] &= ~(1UL << (choice.Call.Op % 64));
                at = choice.Call.Next;
            }

            return Verdict.Linearizable;
        }

        private bool Visit(int op, TState state)
        {
            _done[op / 64] |= 1UL << (op % 64);
            if (_visited.Add(new Visited((ulong[])_done.Clone(), state)))
            {
                return true;
            }

            _done[op / 64] &= ~(1UL << (op % 64));
            return false;
        }

        private static void Lift(Node call)
        {
            Unlink(call);
            Unlink(call.Match!);
        }

        private static void Unlift(Node call)
        {
            Link(call.Match!);
            Link(call);
        }

        private static void Unlink(Node node)
        {
            node.Previous!.Next = node.Next;
            if (node.Next is not null)
            {
                node.Next.Previous = node.Previous;
            }
        }

        private static void Link(Node node)
        {
            node.Previous!.Next = node;
            if (node.Next is not null)
            {
                node.Next.Previous = node;
            }
        }

        private readonly struct Visited(ulong[] done, TState state) : IEquatable<Visited>
        {
            private readonly ulong[] _done = done;
            private readonly TState _state = state;

            public bool Equals(Visited other) => _done.AsSpan().SequenceEqual(other._done) && _state.Equals(other._state);

            public override bool Equals(object? obj) => obj is Visited other && Equals(other);

            public override int GetHashCode()
            {
                ulong h = (ulong)_state.GetHashCode();
                foreach (ulong word in _done)
                {
                    h = (h ^ word) * 0x9E3779B97F4A7C15;
                    h ^= h >> 29;
                }

                return (int)h;
            }
        }
    }
}
