namespace Strangler.Service.Configuration;

/// <summary>Where a secret setting stands: <c>env:NAME</c>, <c>file:/path</c>, or the value itself.</summary>
internal static class SecretSource
{
    /// <summary>The secret, or null with the reason why it cannot be had. The reason never holds the value.</summary>
    public static (string? Value, string? Error) Read(string setting, string source, Func<string, string?> environment)
    {
        if (source.StartsWith("env:", StringComparison.Ordinal))
        {
            var name = source["env:".Length..];
            return environment(name) is { Length: > 0 } value
                ? (value, null)
                : (null, $"{setting}: the environment variable {name} is not set.");
        }

        if (source.StartsWith("file:", StringComparison.Ordinal))
        {
            var path = source["file:".Length..];
            try
            {
                var text = File.ReadAllText(path).Trim();
                return text.Length > 0 ? (text, null) : (null, $"{setting}: the file {path} is empty.");
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return (null, $"{setting}: the file {path} cannot be read: {exception.Message}");
            }
        }

        return source.Length > 0 ? (source, null) : (null, $"{setting} is empty.");
    }
}
