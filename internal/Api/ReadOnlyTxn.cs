// A txn that only reads, answered from the published view (spec api-v3 §2.5). Owned by: the I/O thread of the call.
using EtcdAot.Mvcc;
using EtcdAot.Server;
using EtcdAot.Wire.Codecs;

namespace EtcdAot.Api;

/// <summary>Evaluates compares and ranges on one view.</summary>
internal readonly struct ReadOnlyTxn(RangeScratch scratch)
{
    /// <summary>Writes the fields of TxnResponse behind its header. The ranges' revisions were checked.</summary>
    public void Run(TxnRequestView txn, View view, AnswerBuffer answer)
    {
        bool succeeded = TxnCompare.All(txn.Compares, new ViewReader(view, scratch));
        AnswerEncoding.NonZero(answer, 2, succeeded ? 1UL : 0);
        var inner = new AnswerBuffer();
        var wrapped = new AnswerBuffer();
        foreach (ReadOnlySpan<byte> message in txn.Branch(succeeded))
        {
            _ = RequestOpView.TryParse(message, out RequestOpView op);
            _ = RangeRequestView.TryParse(op.Body, out RangeRequestView range);
            inner.Reset();
            wrapped.Reset();
            AnswerEncoding.InnerHeader(inner, view.Revision);
            var sink = new KeyValueFieldSink(inner, 2);
            RangeResult result = view.Range(range, scratch, ref sink);
            AnswerEncoding.RangeEnd(inner, result);
            AnswerEncoding.Message(wrapped, (int)OpKind.Range, inner);
            AnswerEncoding.Message(answer, 3, wrapped);
        }
    }
}
