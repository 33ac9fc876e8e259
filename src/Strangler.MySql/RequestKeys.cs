using System.Text;

namespace Strangler.MySql;

/// <summary>Request keys are compared byte by byte, so they are stored as their UTF-8 bytes.</summary>
internal static class RequestKeys
{
    private const int MaxBytes = 255;

    public static byte[] Encode(string requestKey)
    {
        var bytes = Encoding.UTF8.GetBytes(requestKey);
        return bytes.Length is > 0 and <= MaxBytes
            ? bytes
            : throw new ArgumentException($"A request key has 1 to {MaxBytes} bytes; this one has {bytes.Length}.", nameof(requestKey));
    }

    public static string Decode(byte[] bytes) => Encoding.UTF8.GetString(bytes);
}
