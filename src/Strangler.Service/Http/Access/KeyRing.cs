using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Strangler.Service.Configuration;

namespace Strangler.Service.Http.Access;

/// <summary>
/// The keys that are good now. A keys file is looked at every few seconds, so that a key that is taken out of it ends within these; a file that
/// cannot be read any more leaves the keys as they were, and is told.
/// </summary>
internal sealed class KeyRing
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Lock _lock = new();
    private AccessOptions _options;
    private Dictionary<string, ApiKey> _keys;
    private DateTime _written;
    private DateTimeOffset _looked;

    /// <exception cref="ConfigurationException">The keys file cannot be read, or is wrong.</exception>
    public KeyRing(AccessOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        (_options, _time, _log) = (options, time, loggers.CreateLogger<KeyRing>());
        (_keys, _written) = Read(options);
        _looked = time.GetUtcNow();
    }

    /// <summary>Is told which keys there were and which there are, without their hashes, when the file was read again; null: nobody is.</summary>
    public Action<string, string>? OnRead { get; set; }

    /// <summary>The file of keys that is looked at; null: there is none.</summary>
    public string? File => _options.KeysFile;

    /// <exception cref="ConfigurationException">The keys file cannot be read, or there is something wrong with keys.</exception>
    public static void Check(AccessOptions options) => Read(options);

    /// <summary>Takes those of other options from now on. They have been checked; a file that went bad since then leaves the keys as they were.</summary>
    public void Adopt(AccessOptions options)
    {
        lock (_lock)
        {
            _options = options;
            Take();
        }
    }

    /// <summary>The key that was presented, if it is good; null otherwise.</summary>
    public ApiKey? Find(string presented) => FindHash(ApiKey.HashOf(presented));

    /// <summary>Likewise by its hash. What is looked up is the hash of what was presented: how long that takes tells nothing of any key.</summary>
    public ApiKey? FindHash(string hash) => Current().GetValueOrDefault(hash) is { } key && IsGood(key) ? key : null;

    private bool IsGood(ApiKey key) => key.Caller.Until is not { } until || _time.GetUtcNow() < until;

    private Dictionary<string, ApiKey> Current()
    {
        lock (_lock)
        {
            var now = _time.GetUtcNow();
            if (_options.KeysFile is { } path && now - _looked >= LookEvery)
            {
                _looked = now;
                LookAgain(path);
            }

            return _keys;
        }
    }

    private void LookAgain(string path)
    {
        if (System.IO.File.GetLastWriteTimeUtc(path) == _written)
        {
            return;
        }

        var before = _keys;
        if (Take())
        {
            _log.KeysRead(path, _keys.Count);
            OnRead?.Invoke(Shown(before), Shown(_keys));
        }
    }

    private bool Take()
    {
        try
        {
            (_keys, _written) = Read(_options);
            return true;
        }
        catch (ConfigurationException exception)
        {
            _written = _options.KeysFile is { } path ? System.IO.File.GetLastWriteTimeUtc(path) : default;
            _log.KeysNotRead(exception.Message);
            return false;
        }
    }

    private static string Shown(Dictionary<string, ApiKey> keys) =>
        $"[{string.Join(", ", keys.Values.OrderBy(key => key.Name, StringComparer.Ordinal).Select(key => $"{key.Name} {RoleNames.Of(key.Role)}"
            + (key.Expires is { } day ? string.Create(CultureInfo.InvariantCulture, $" {day:yyyy-MM-dd}") : "")
            + (key.Contexts is { } contexts ? $" for {string.Join(' ', contexts)}" : "")))}]";

    private static (Dictionary<string, ApiKey> Keys, DateTime Written) Read(AccessOptions options)
    {
        List<string> errors = [];
        var written = options.KeysFile is { } path ? System.IO.File.GetLastWriteTimeUtc(path) : default;
        var all = options.KeysFile is { } file ? [.. options.Keys, .. ReadFile(file, errors)] : options.Keys;
        errors.AddRange(all.GroupBy(key => key.Name, StringComparer.Ordinal).Where(same => same.Count() > 1).Select(same => $"http.keys: \"{same.Key}\" is there twice."));
        errors.AddRange(all.GroupBy(key => key.Hash, StringComparer.Ordinal).Where(same => same.Count() > 1)
            .Select(same => $"http.keys: {string.Join(" and ", same.Select(key => $"\"{key.Name}\""))} are the same key."));
        return errors.Count == 0
            ? (all.ToDictionary(key => key.Hash, StringComparer.Ordinal), written)
            : throw new ConfigurationException(errors);
    }

    private static List<ApiKey> ReadFile(string path, List<string> errors)
    {
        try
        {
            using var document = JsonDocument.Parse(
                System.IO.File.ReadAllBytes(path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            return AccessReader.Keys(path, document.RootElement, errors);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            errors.Add($"http.keysFile is \"{path}\": {exception.Message.Split(" LineNumber:")[0]} It is a list of keys, as \"strangler key new\" prints them.");
            return [];
        }
    }
}
