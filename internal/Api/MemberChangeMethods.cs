// Cluster.MemberAdd, MemberRemove, MemberUpdate and MemberPromote (spec api-v3 §5.1, cluster §3.6): decoded here, decided by
// the core. Owned by: the I/O thread of the call.
using System.Text;
using EtcdAot.Grpc;
using EtcdAot.Server;
using EtcdAot.Wire;
using EtcdAot.Wire.Codecs;
using EtcdAot.Wire.Etcdserverpb;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdAot.Api;

/// <summary>A call that changes the membership.</summary>
internal sealed class MemberChangeCall : Call
{
    public MemberChangeCall()
    {
        Request = new Slot(this);
    }

    public MemberRequest Request { get; }

    private sealed class Slot(Call call) : MemberRequest
    {
        public override void Run() => call.Run();
    }
}

/// <summary>One of the four.</summary>
internal sealed class MemberChangeMethod(ApiLoops loops, MemberAction action) : IHotMethod
{
    /// <summary>The core has the slot for a while, so the call serves once.</summary>
    public bool ReusesCalls => false;

    public Call CreateCall() => new MemberChangeCall();

    public void OnMessage(ReadOnlySpan<byte> message, Call call)
    {
        MemberRequest request = ((MemberChangeCall)call).Request;
        request.Action = action;
        if (!TryRead(message, request))
        {
            call.Finish(DecodeFault.Of(message, Descriptor));
            return;
        }

        if (request.Action is MemberAction.Add or MemberAction.AddLearner)
        {
            if (!PeerUrlRules.TrySort(request.PeerUrls, out string[] sorted))
            {
                call.Finish(Status.From(EtcdError.MemberBadUrls));
                return;
            }

            request.PeerUrls = sorted;
        }

        request.Loop = call.Loop;
        request.StartNanos = call.Loop.NowNanos;
        call.Hold();
        loops.Server.Change(request);
    }

    public void OnCancel(Call call) => call.Finish(Status.Canceled);

    public void OnCompletion(Call call)
    {
        MemberRequest request = ((MemberChangeCall)call).Request;
        if (request.Error is { } error)
        {
            call.Finish(Status.From(error));
            return;
        }

        Member[] members = [.. MemberAnswers.Of(request.Result)];
        ResponseHeader header = loops.Server.MessageHeader(0);
        Answers.Send(call, action switch
        {
            MemberAction.Add => new MemberAddResponse
            {
                Header = header,
                Member = members.First(m => m.ID == request.MemberId),
                Members = { members },
            },
            MemberAction.Remove => new MemberRemoveResponse { Header = header, Members = { members } },
            MemberAction.Update => new MemberUpdateResponse { Header = header, Members = { members } },
            _ => (IMessage)new MemberPromoteResponse { Header = header, Members = { members } },
        });
    }

    private MessageDescriptor Descriptor => action switch
    {
        MemberAction.Add => MemberAddRequest.Descriptor,
        MemberAction.Remove => MemberRemoveRequest.Descriptor,
        MemberAction.Update => MemberUpdateRequest.Descriptor,
        _ => MemberPromoteRequest.Descriptor,
    };

    // Add {1 peerURLs, 2 isLearner}; Update {1 ID, 2 peerURLs}; the others {1 ID}.
    private bool TryRead(ReadOnlySpan<byte> message, MemberRequest request)
    {
        var urls = new List<string>();
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1 when action == MemberAction.Add:
                case 2 when action == MemberAction.Update:
                    urls.Add(Encoding.UTF8.GetString(reader.ReadBytes()));
                    break;
                case 2 when action == MemberAction.Add:
                    request.Action = reader.ReadBool() ? MemberAction.AddLearner : MemberAction.Add;
                    break;
                case 1:
                    request.MemberId = reader.ReadVarint();
                    break;
                default:
                    break;
            }
        }

        request.PeerUrls = urls;
        return !reader.Failed;
    }
}

/// <summary>What the original accepts as peer URLs of a new member.</summary>
internal static class PeerUrlRules
{
    /// <summary>False for none, and when one is no URL with a host and a port and without a path.</summary>
    public static bool TrySort(IReadOnlyList<string> urls, out string[] sorted)
    {
        sorted = [.. urls.Select(static u => u.Trim()).Order(StringComparer.Ordinal)];
        return sorted.Length > 0 && Array.TrueForAll(sorted, IsGood);
    }

    private static bool IsGood(string url)
    {
        int split = url.IndexOf("://", StringComparison.Ordinal);
        if (split < 0)
        {
            return false;
        }

        string scheme = url[..split];
        string host = url[(split + 3)..];
        int colon = host.LastIndexOf(':');
        return scheme is "http" or "https" or "unix" or "unixs"
            && host.IndexOfAny(['/', '?', '#', ' ']) < 0
            && (scheme.StartsWith("unix", StringComparison.Ordinal)
                || (colon >= 0 && colon + 1 < host.Length && host.AsSpan(colon + 1).IndexOfAnyExceptInRange('0', '9') < 0
                    && (host.IndexOf(':') == colon || host[colon - 1] == ']')));
    }
}
