// KV.Range (spec api-v3 §2.2): decode, check, wait for the read index if need be, read the published view, encode.
// Owned by: the I/O thread of the call; a serializable range never leaves it.
using EtcdAot.Grpc;
using EtcdAot.Mvcc;
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;

namespace EtcdAot.Api;

/// <summary>Serves KV.Range.</summary>
internal sealed class RangeMethod(ApiLoops loops) : ApiMethod(loops)
{
    private const int LastSortTarget = 4;

    /// <summary>Checks that need no state; also those of ranges inside a txn.</summary>
    internal static EtcdError? Check(in RangeRequestView request)
    {
        return request.Key.IsEmpty ? EtcdError.EmptyKey
            : request.SortTarget is < 0 or > LastSortTarget ? EtcdError.InvalidSortOption : null;
    }

    protected override void OnMessage(ReadOnlySpan<byte> message, ApiCall call, ApiLoop home)
    {
        if (!RangeRequestView.TryParse(message, out RangeRequestView request))
        {
            call.Finish(DecodeFault.Of(message, RangeRequest.Descriptor));
            return;
        }

        EtcdError? error = !request.Serializable && Server.IsLearner ? EtcdError.NotSupportedForLearner : Check(request);
        if (error is not null)
        {
            call.Finish(Status.From(error));
        }
        else if (!request.Serializable && !call.IndexReached && !Server.CanReadNow)
        {
            call.AwaitIndex();
        }
        else
        {
            Answer(request, call, home);
        }
    }

    private void Answer(in RangeRequestView request, ApiCall call, ApiLoop home)
    {
        AnswerBuffer answer = home.Answer;
        answer.Reset();
        View view = home.BeginRead();
        var sink = new KeyValueFieldSink(answer, 2);
        RangeResult result = view.Range(request, home.RangeScratch, ref sink);
        home.EndRead();
        Server.Metrics.Ranges.Add();
        EtcdError? error = TxnApplier.ErrorOf(result.Status);
        if (error is not null)
        {
            call.Finish(Status.From(error));
            return;
        }

        AnswerEncoding.RangeEnd(answer, result);
        Answers.Send(call, Server.HeaderAt(result.Revision), answer);
    }
}
