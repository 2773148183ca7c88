// Who waits on a loop, found by token. A token carries the generation of its slot, so that an event which was reported
// together with the end of its socket finds nobody. Owned by: one I/O thread.
namespace EtcdAot.Net;

internal sealed class PollTargets
{
    private readonly Stack<int> _free = new();
    private Slot[] _slots = new Slot[64];
    private int _used;

    internal ulong Add(IPollTarget target)
    {
        if (!_free.TryPop(out int index))
        {
            if (_used == _slots.Length)
            {
                Array.Resize(ref _slots, _used * 2);
            }

            index = _used++;
        }

        ref Slot slot = ref _slots[index];
        slot.Target = target;
        return ((ulong)slot.Generation << 32) | (uint)index;
    }

    internal bool TryGet(ulong token, out IPollTarget? target)
    {
        uint index = (uint)token;
        target = index < _used && _slots[index].Generation == token >> 32 ? _slots[index].Target : null;
        return target is not null;
    }

    internal void Remove(ulong token)
    {
        if (TryGet(token, out _))
        {
            ref Slot slot = ref _slots[(uint)token];
            slot.Target = null;
            slot.Generation++;
            _free.Push((int)(uint)token);
        }
    }

    internal void DropAll()
    {
        for (int i = 0; i < _used; i++)
        {
            _slots[i].Target?.Drop();
        }
    }

    private struct Slot
    {
        public IPollTarget? Target;
        public uint Generation;
    }
}
