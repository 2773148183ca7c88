// Contexts through which the generated marshallers read and write messages: one exact array each. Used by the adapter and
// by the client; cold calls only. Owned by: whoever makes one.
using System.Buffers;
using global::Grpc.Core;

namespace EtcdAot.Grpc.Adapter;

/// <summary>Hands a message's bytes to a generated parser.</summary>
/// <param name="payload">The whole message.</param>
internal sealed class PayloadReader(byte[] payload) : DeserializationContext
{
    public override int PayloadLength => payload.Length;

    public override byte[] PayloadAsNewBuffer() => payload;

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(payload);
}

/// <summary>Collects what a generated writer writes.</summary>
internal sealed class PayloadWriter : SerializationContext, IBufferWriter<byte>
{
    private byte[] _bytes = [];
    private int _used;

    /// <summary>Serialises a message.</summary>
    internal static ReadOnlyMemory<byte> Write<T>(Marshaller<T> marshaller, T message)
    {
        var writer = new PayloadWriter();
        marshaller.ContextualSerializer(message, writer);
        return writer._bytes.AsMemory(0, writer._used);
    }

    public override void SetPayloadLength(int payloadLength) => _bytes = new byte[payloadLength];

    public override IBufferWriter<byte> GetBufferWriter() => this;

    public override void Complete()
    {
    }

    public override void Complete(byte[] payload)
    {
        _bytes = payload;
        _used = payload.Length;
    }

    public void Advance(int count) => _used += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(_used);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(_used);
    }

    private void Reserve(int sizeHint)
    {
        int needed = _used + Math.Max(1, sizeHint);
        if (needed > _bytes.Length)
        {
            // A writer may ask for room at the very end although everything is written; growing then is harmless.
            Array.Resize(ref _bytes, Math.Max(needed, Math.Max(64, 2 * _bytes.Length)));
        }
    }
}
