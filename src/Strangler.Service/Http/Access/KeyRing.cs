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
    private KeyFile _file;
    private Dictionary<string, ApiKey> _keys;
    private string? _refused;
    private DateTimeOffset _looked;

    /// <exception cref="ConfigurationException">The keys file cannot be read, or is wrong.</exception>
    public KeyRing(AccessOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        (_options, _time, _log) = (options, time, loggers.CreateLogger<KeyRing>());
        _file = KeyFile.Read(options.KeysFile);
        _keys = ByHash(options, _file);
        _looked = time.GetUtcNow();
    }

    /// <summary>Is told which keys of the file there were and which there are, without their hashes, where it holds others than before; null: nobody is.</summary>
    public Action<SettingChange>? OnRead { get; set; }

    /// <summary>The file of keys that is looked at; null: there is none.</summary>
    public string? File => _options.KeysFile;

    /// <summary>What the keys file holds, if it goes with the other keys.</summary>
    /// <exception cref="ConfigurationException">The keys file cannot be read, or there is something wrong with keys.</exception>
    public static KeyFile Check(AccessOptions options)
    {
        var file = KeyFile.Read(options.KeysFile);
        ByHash(options, file);
        return file;
    }

    /// <summary>Takes those of other options from now on, with what was in their file when they were checked; the next who asks looks whether it still is.</summary>
    public void Adopt(AccessOptions options, KeyFile file)
    {
        lock (_lock)
        {
            Take(options, file);
            _looked = DateTimeOffset.MinValue;
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
            if (_options.KeysFile is not null && now - _looked >= LookEvery)
            {
                _looked = now;
                LookAgain();
            }

            return _keys;
        }
    }

    // By what it holds: a clock says nothing of a file that is written twice in one tick, moved to its place or put back.
    private void LookAgain()
    {
        try
        {
            if (_file.Again() is { } file)
            {
                Take(_options, file);
            }

            _refused = null;
        }
        catch (ConfigurationException exception)
        {
            if (_refused != exception.Message)
            {
                _refused = exception.Message;
                _log.KeysNotRead(exception.Message);
            }
        }
    }

    private void Take(AccessOptions options, KeyFile file)
    {
        var (keys, before, path) = (ByHash(options, file), _file, options.KeysFile ?? _options.KeysFile);
        (_options, _file, _keys) = (options, file, keys);
        if (path is not null && !file.HoldsTheSameAs(before))
        {
            _log.KeysRead(path, keys.Count);
            OnRead?.Invoke(new SettingChange("http.keysFile", before.Shown, file.Shown));
        }
    }

    private static Dictionary<string, ApiKey> ByHash(AccessOptions options, KeyFile file)
    {
        List<string> errors = [];
        List<ApiKey> all = [.. options.Keys, .. file.Keys];
        errors.AddRange(all.GroupBy(key => key.Name, StringComparer.Ordinal).Where(same => same.Count() > 1).Select(same => $"http.keys: \"{same.Key}\" is there twice."));
        errors.AddRange(all.GroupBy(key => key.Hash, StringComparer.Ordinal).Where(same => same.Count() > 1)
            .Select(same => $"http.keys: {string.Join(" and ", same.Select(key => $"\"{key.Name}\""))} are the same key."));
        return errors.Count == 0 ? all.ToDictionary(key => key.Hash, StringComparer.Ordinal) : throw new ConfigurationException(errors);
    }
}
