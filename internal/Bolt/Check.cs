// The integrity check of an open file in bbolt's steps and words (spec storage §2.11). Offline tools and
// tests; reads only.
using System.Runtime.CompilerServices;

namespace EtcdAot.Bolt;

/// <summary>Whole-file check.</summary>
internal static unsafe class Check
{
    /// <summary>Runs on the current state; an empty list means sound.</summary>
    public static List<string> Run(Db db, int maxErrors)
    {
        Meta meta = db.Current.Meta;
        var walk = new TreeWalk(db.Current.Pages, maxErrors);
        List<string> errors = walk.Errors;
        ulong[] free = new ulong[(meta.HighWaterMark / 64) + 1];
        walk.Mark(0, 2);
        if (meta.Freelist != Meta.NoFreelist)
        {
            ReadFreelist(db, meta, walk, free, maxErrors);
        }

        walk.OnRun = (id, count) =>
        {
            for (ulong page = id; page < id + count && errors.Count < maxErrors; page++)
            {
                bool isFree = meta.Freelist == Meta.NoFreelist ? db.Freelist.IsFree(page) : IsSet(free, page);
                if (isFree)
                {
                    errors.Add($"page {page}: reachable freed");
                }
            }
        };
        walk.Walk(meta.Root);
        for (ulong id = 2; id < meta.HighWaterMark && errors.Count < maxErrors; id++)
        {
            // With a freelist that is not stored, what is not reached is free or waits for readers.
            if (meta.Freelist != Meta.NoFreelist && !walk.IsReached(id) && !IsSet(free, id))
            {
                errors.Add($"page {id}: unreachable unfreed");
            }
        }

        CheckAccount(db, walk, errors);
        return errors;
    }

    private static bool IsSet(ulong[] bits, ulong id) => (bits[id >> 6] >> (int)(id & 63) & 1) != 0;

    private static void ReadFreelist(Db db, Meta meta, TreeWalk walk, ulong[] free, int maxErrors)
    {
        // The page's header was checked at opening.
        _ = db.Current.Pages.Problem(meta.Freelist, out Page page);
        walk.Mark(meta.Freelist, page.Overflow + 1UL);
        ulong count = (ulong)page.Count;
        byte* ids = page.Address + Page.HeaderSize;
        if (count == 0xFFFF)
        {
            count = Unsafe.ReadUnaligned<ulong>(ids);
            ids += 8;
        }

        ulong room = (ulong)(page.Address + page.Bytes - ids) / 8;
        if (count > room)
        {
            walk.Errors.Add($"page {meta.Freelist}: freelist of {count} ids does not fit");
            count = 0;
        }

        for (ulong i = 0; i < count && walk.Errors.Count < maxErrors; i++)
        {
            ulong id = Unsafe.ReadUnaligned<ulong>(ids + (8 * i));
            if (id < 2 || id >= meta.HighWaterMark)
            {
                walk.Errors.Add($"page {id}: out of bounds: {meta.HighWaterMark}");
            }
            else if (IsSet(free, id))
            {
                walk.Errors.Add($"page {id}: already freed");
            }
            else
            {
                free[id >> 6] |= 1UL << (int)(id & 63);
            }
        }
    }

    /// <summary>Our own free and pending pages and the reached ones are all there are: nothing leaks while
    /// running.</summary>
    private static void CheckAccount(Db db, TreeWalk walk, List<string> errors)
    {
        if (errors.Count > 0)
        {
            return;
        }

        long reached = 0;
        for (ulong id = 0; id < db.Current.Meta.HighWaterMark; id++)
        {
            reached += walk.IsReached(id) ? 1 : 0;
        }

        long known = reached + db.Freelist.FreePages + db.Freelist.PendingPages;
        if (known != (long)db.Current.Meta.HighWaterMark)
        {
            errors.Add($"{reached} reached, {db.Freelist.FreePages} free and "
                + $"{db.Freelist.PendingPages} pending pages are not the {db.Current.Meta.HighWaterMark} of the file");
        }
    }
}
