using System.Globalization;
using System.Text.Json;
using Strangler.Service.Configuration;

namespace Strangler.Service.Http.Access;

/// <summary>What a keys file held when it was read.</summary>
internal sealed class KeyFile
{
    private readonly string? _path;
    private readonly byte[] _content;

    private KeyFile(string? path, byte[] content, IReadOnlyList<ApiKey> keys) => (_path, _content, Keys) = (path, content, keys);

    public IReadOnlyList<ApiKey> Keys { get; }

    /// <summary>Of its keys all but their hashes.</summary>
    public string Shown => $"[{string.Join(", ", Ordered.Select(Show))}]";

    private IEnumerable<ApiKey> Ordered => Keys.OrderBy(key => key.Name, StringComparer.Ordinal);

    /// <param name="path">Null: there is none, and so no keys.</param>
    /// <exception cref="ConfigurationException">It cannot be read, or is wrong.</exception>
    public static KeyFile Read(string? path) => path is null ? new KeyFile(null, [], []) : Parse(path, Bytes(path));

    /// <summary>The same file as it is now; null: as it was.</summary>
    /// <exception cref="ConfigurationException">It cannot be read, or is wrong.</exception>
    public KeyFile? Again() => _path is not null && Bytes(_path) is var now && !now.AsSpan().SequenceEqual(_content) ? Parse(_path, now) : null;

    /// <summary>Whether nobody can tell them apart, however they are written.</summary>
    public bool HoldsTheSameAs(KeyFile other) =>
        Ordered.Select(key => (Show(key), key.Hash)).SequenceEqual(other.Ordered.Select(key => (Show(key), key.Hash)));

    private static string Show(ApiKey key) => $"{key.Name} {RoleNames.Of(key.Role)}"
        + (key.Expires is { } day ? string.Create(CultureInfo.InvariantCulture, $" {day:yyyy-MM-dd}") : "")
        + (key.Contexts is { } contexts ? $" for {string.Join(' ', contexts)}" : "");

    private static byte[] Bytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Wrong(path, exception);
        }
    }

    private static KeyFile Parse(string path, byte[] content)
    {
        List<string> errors = [];
        try
        {
            using var document = JsonDocument.Parse(
                content, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false });
            var keys = AccessReader.Keys(path, document.RootElement, errors);
            return errors.Count == 0 ? new KeyFile(path, content, keys) : throw new ConfigurationException(errors);
        }
        catch (JsonException exception)
        {
            throw Wrong(path, exception);
        }
    }

    private static ConfigurationException Wrong(string path, Exception exception) => new(
        [$"http.keysFile is \"{path}\": {exception.Message.Split(" LineNumber:")[0]} It is a list of keys, as \"strangler key new\" prints them."]);
}
