using System.Text;

namespace Strangler.DualWrite;

/// <summary>Request keys as stores keep them: compared byte by byte, hence as their UTF-8 bytes. 1 to 255 of them.</summary>
public static class RequestKeys
{
    private const int MaxBytes = 255;

    /// <exception cref="ArgumentException">It is empty, or longer than 255 bytes.</exception>
    public static byte[] Encode(string requestKey)
    {
        var bytes = Encoding.UTF8.GetBytes(requestKey);
        return bytes.Length is > 0 and <= MaxBytes
            ? bytes
            : throw new ArgumentException($"A request key has 1 to {MaxBytes} bytes; this one has {bytes.Length}.", nameof(requestKey));
    }

    public static string Decode(byte[] bytes) => Encoding.UTF8.GetString(bytes);
}
