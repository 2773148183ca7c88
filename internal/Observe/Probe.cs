// Marks of rare places: the simulator asks which of them its runs came through, and a place that no run reaches is not
// tested by them. One load and one branch where nobody listens, so only rare places carry one. Any thread.
namespace EtcdAot.Observe;

/// <summary>Named marks in the code.</summary>
public static class Probe
{
    private static Action<string>? s_listener;

    /// <summary>Set once, before members run, by the simulator; process-wide because a mark has no owner to ask.
    /// </summary>
    public static void ListenWith(Action<string>? listener) => s_listener = listener;

    /// <summary>Says that this place was reached.</summary>
    /// <param name="sentence">What happens here; unique in the code, for the simulator finds marks by their text.</param>
    public static void Hit(string sentence) => s_listener?.Invoke(sentence);
}
