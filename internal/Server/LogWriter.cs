// The log actor (DESIGN 3, 4.4): takes what raft hands out, makes it durable with one fdatasync for all that waits, and
// reports back by message. For a sole voter, who has nothing to do meanwhile, the same work is done in line on the core
// thread. Who owns the files changes by message: the core while IsInline, else the log thread.
//
//   inline ──Own(false)──► handed over: every order posted      handed over ──Own(true): "yield", nothing more is posted──►
//                                                               ... the log thread has done all, reports ──► inline
using EtcdAot.Observe;
using EtcdAot.Raft;
using EtcdAot.Sys;
using EtcdAot.Wire;

namespace EtcdAot.Server;

/// <summary>What the log actor reports; the core takes it in order.</summary>
/// <param name="Answer">Identity 0 when it is no append.</param>
/// <param name="Released">Messages that may leave now; null for none.</param>
/// <param name="Saved">An own snapshot that is durable; null for none.</param>
internal readonly record struct LogReport(AppendAnswer Answer, RaftMessage[]? Released, LogSnapshot? Saved);

/// <summary>Writes the log, in line or as an actor.</summary>
internal sealed class LogWriter(LogFiles files) : Actor
{
    private readonly Mailbox<Order> _orders = new();
    private readonly Mailbox<LogReport> _reports = new();
    private readonly List<LogReport> _done = [];
    private Action? _wakeCore;
    private bool _asked;
    private int _yielded;

    private readonly record struct Order(LogAppend Append, LogEntry[]? Entries, LogSnapshot? Save, bool Purge, bool Yield);

    /// <inheritdoc/>
    public override string Name => "log";

    /// <summary>True while the core thread itself writes.</summary>
    public bool IsInline { get; private set; } = true;

    /// <summary>True while the log thread has been asked for the files: nothing may be written until it has given them up.</summary>
    public bool IsYielding => _asked;

    /// <summary>Called on the log's thread whenever reports wait.</summary>
    public void OnReport(Action wakeCore) => _wakeCore = wakeCore;

    /// <summary>Core: whether it is a sole voter from now on. Becoming one takes effect when <see cref="TakeReports"/> has
    /// seen the end of what is under way.</summary>
    public void Own(bool alone)
    {
        if (!alone)
        {
            Invariant.Check(!IsYielding, "configurations do not change while the log changes hands");
            IsInline = false;
        }
        else if (!IsInline && !IsYielding)
        {
            _asked = true;
            Post(new Order(default, null, null, false, Yield: true));
        }
    }

    /// <summary>Core: writes an append. When in line, all of it is durable, as it asks for, on return, and the caller gives
    /// the answer; else the answer comes as a report.</summary>
    public void Write(in LogAppend append, EntrySpans entries)
    {
        Invariant.Check(!IsYielding, "nothing is written while the log changes hands");
        if (IsInline)
        {
            files.Append(append, entries.First, entries.Second);
            files.Sync(append.MustSync);
            append.Snapshot?.Data.Release();
            return;
        }

        LogEntry[]? counted = null;
        if (entries.Count > 0)
        {
            counted = new LogEntry[entries.Count];
            entries.First.CopyTo(counted);
            entries.Second.CopyTo(counted.AsSpan(entries.First.Length));
            foreach (ref readonly LogEntry entry in counted.AsSpan())
            {
                entry.Data.AddReference();
            }
        }

        Post(new Order(append, counted, null, false, false));
    }

    /// <summary>Core: saves an own snapshot; it is reported when it is durable. Not while yielding.</summary>
    public void Save(LogSnapshot snapshot)
    {
        if (!IsInline)
        {
            Post(new Order(default, null, snapshot, false, false));
            return;
        }

        files.Save(snapshot);
        _ = _reports.Post(new LogReport(default, null, snapshot));
    }

    /// <summary>Core: deletes old files; not while yielding.</summary>
    public void Purge()
    {
        if (IsInline)
        {
            files.Purge();
        }
        else
        {
            Post(new Order(default, null, null, Purge: true, false));
        }
    }

    /// <summary>Core, with nothing else to do: reserves the next segment.</summary>
    public void PrepareWhenIdle()
    {
        if (IsInline)
        {
            files.PrepareNext();
        }
    }

    /// <summary>True when reports wait.</summary>
    public bool HasReports => _reports.HasMessages;

    /// <summary>Core: takes what was reported; release it afterwards.</summary>
    public Span<LogReport> TakeReports()
    {
        // Read first: what was done before the yield has been posted by then.
        if (_asked && Volatile.Read(ref _yielded) != 0)
        {
            _asked = false;
            _yielded = 0;
            IsInline = true;
        }

        return _reports.TakeAll();
    }

    /// <summary>Forgets the references of the last take.</summary>
    public void Release(int taken) => _reports.Release(taken);

    /// <inheritdoc/>
    public override long Step(long nowNanos)
    {
        Span<Order> orders = _orders.TakeAll();
        if (orders.IsEmpty)
        {
            return long.MaxValue;
        }

        bool yields = Run(orders);
        _orders.Release(orders.Length);
        if (!_orders.HasMessages)
        {
            // Last of all, and before the files are given up.
            files.PrepareNext();
        }

        if (yields)
        {
            Volatile.Write(ref _yielded, 1);
            _wakeCore?.Invoke();
        }

        return long.MaxValue;
    }

    /// <summary>Gives back the entries of a member that has died.</summary>
    public void Abandon()
    {
        foreach (ref readonly Order order in _orders.TakeAll())
        {
            foreach (ref readonly LogEntry entry in order.Entries.AsSpan())
            {
                entry.Data.Release();
            }

            order.Append.Snapshot?.Data.Release();
        }
    }

    private bool Run(Span<Order> orders)
    {
        bool mustSync = false;
        bool yields = false;
        foreach (ref readonly Order order in orders)
        {
            if (order.Append.Identity != 0)
            {
                files.Append(order.Append, order.Entries, default);
                mustSync |= order.Append.MustSync;
                _done.Add(new LogReport(order.Append.Answer, order.Append.Answers, null));
                foreach (ref readonly LogEntry entry in order.Entries.AsSpan())
                {
                    entry.Data.Release();
                }

                order.Append.Snapshot?.Data.Release();
            }
            else if (order.Save is { } snapshot)
            {
                Report(ref mustSync);
                files.Save(snapshot);
                _done.Add(new LogReport(default, null, snapshot));
            }
            else if (order.Purge)
            {
                Report(ref mustSync);
                files.Purge();
            }

            yields |= order.Yield;
        }

        Report(ref mustSync);
        return yields;
    }

    // Whoever waits for durability does not wait for the work behind it.
    private void Report(ref bool mustSync)
    {
        files.Sync(mustSync);
        mustSync = false;
        bool wake = false;
        foreach (LogReport report in _done)
        {
            wake |= _reports.Post(report);
        }

        _done.Clear();
        if (wake)
        {
            _wakeCore?.Invoke();
        }
    }

    private void Post(in Order order)
    {
        if (_orders.Post(order))
        {
            WakeUp();
        }
    }
}
