using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Service.Http;
using Strangler.Service.Http.Access;

namespace Strangler.Service.Configuration;

/// <summary>
/// Looks at the configuration file for as long as the service runs. One that has changed is read as at the start; with any error in it nothing of it is taken.
/// Else what may change while the service runs (<see cref="LiveSettings"/>) is told in the audit trail and then in force, and the rest is named: it needs a
/// restart. What the trail cannot take at the moment waits, so that nothing changes untold; keys that come and go by their own file are the exception, since
/// a key that was taken away must not be good for as long as a database is down: they are told after.
/// </summary>
public sealed class ConfigurationWatch : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    // An editor may move the old one away before it puts the new one there.
    private const int LooksBeforeUnreadable = 3;

    private readonly StranglerConfiguration _running;
    private readonly IReadOnlyList<ContextHost> _hosts;
    private readonly WebService? _web;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Dictionary<string, FileSetting> _inForce;
    private readonly ConcurrentQueue<SettingChange> _keys = new();
    private readonly HashSet<string> _mute = new(StringComparer.Ordinal);
    private byte[]? _taken;
    private byte[] _seen;
    private HashSet<string> _refused = [];
    private int _unread;

    /// <param name="running">What the service was started with; without a file there is nothing to look at.</param>
    /// <param name="hosts">The contexts that run by it.</param>
    /// <param name="web">What answers HTTP; null: nothing does.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Take what has changed, and what was wrong.</param>
    public ConfigurationWatch(
        StranglerConfiguration running, IReadOnlyList<ContextHost> hosts, WebService? web, TimeProvider time, ILoggerFactory loggers)
    {
        (_running, _hosts, _web, _time, _log) = (running, hosts, web, time, loggers.CreateLogger<ConfigurationWatch>());
        _inForce = new Dictionary<string, FileSetting>(running.Settings, StringComparer.Ordinal);
        _taken = _seen = running.Content;
        if (web is not null)
        {
            web.Access.OnKeysRead = _keys.Enqueue;
        }
    }

    /// <summary>Writes a line into the trail of a context.</summary>
    internal Func<ContextHost, string, string, string, string, CancellationToken, Task> Append { get; init; } = AuditDesk.AppendAsync;

    private string Actor => $"configuration ({_hosts[0].Runtime.Replica})";

    /// <summary>What it is, for whoever waits for its end.</summary>
    public override string ToString() => "what has changed in the configuration";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        using var timer = new PeriodicTimer(LookEvery, _time);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
        {
            try
            {
                await LookAsync(stoppingToken).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // No mistake in a file, and none of ours, ends a service that runs well by what it has.
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                Refuse(_running.File ?? "", [exception.GetType().Name]);
            }
        }
    }

    /// <summary>Once; what is new is taken the second time.</summary>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        await TellKeysAsync(cancellationToken).ConfigureAwait(false);
        if (_running.File is not { } file || Read(file) is not { } now)
        {
            return;
        }

        // Looked at twice: whoever writes it may be in the midst of it.
        var isStill = now.AsSpan().SequenceEqual(_seen);
        _seen = now;
        if (!isStill)
        {
            _refused = [];
        }
        else if (_taken is null || !now.AsSpan().SequenceEqual(_taken))
        {
            // While a part of it waits no file is the one that is in force, the one before it no more than this one.
            _taken = null;
            _taken = await TakeAsync(file, now, cancellationToken).ConfigureAwait(false) ? now : null;
        }
    }

    // One that stays away takes nothing from a service that runs.
    private byte[]? Read(string file)
    {
        try
        {
            var content = System.IO.File.ReadAllBytes(file);
            _unread = 0;
            return content;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            if (++_unread == LooksBeforeUnreadable)
            {
                _log.NotTaken(file, exception.Message);
            }

            return null;
        }
    }

    // The same mistakes are told once.
    private void Refuse(string file, IEnumerable<string> errors)
    {
        var before = _refused;
        _refused = [.. errors];
        if (!_refused.SetEquals(before))
        {
            foreach (var error in _refused)
            {
                _log.NotTaken(file, error);
            }
        }
    }

    // False: something waits, and the same file is looked at once more. So it is with mistakes, which may be cured in another file that this one names.
    private async Task<bool> TakeAsync(string file, byte[] content, CancellationToken cancellationToken)
    {
        StranglerConfiguration next;
        KeyFile keys;
        try
        {
            (next, keys) = Validated(content);
        }
        catch (ConfigurationException exception)
        {
            Refuse(file, exception.Errors);
            return false;
        }

        _refused = [];
        var all = FileSettings.Changes(_inForce, next.Settings).ToList();
        var held = all.Where(change => !MayTake(change.Path, next)).Select(change => LiveSettings.GroupOf(change.Path)).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var changes = all.ToLookup(change => MayTake(change.Path, next) && !held.Any(group => change.Path.StartsWith(group, StringComparison.Ordinal)));
        var http = next.Http is { } given && held.Contains(LiveSettings.Issuer) ? given with { Access = given.Access with { Oidc = null } } : next.Http;
        var isWhole = true;
        foreach (var group in changes[true].GroupBy(change => _hosts.FirstOrDefault(host => change.Path.StartsWith($"contexts.{host.Name}.", StringComparison.Ordinal))))
        {
            isWhole &= await AdoptAsync(file, group.Key, [.. group], next, () => Adopt(group.Key, next, http, keys), cancellationToken).ConfigureAwait(false);
        }

        foreach (var change in isWhole ? changes[false] : [])
        {
            _log.NeedsRestart(file, change.Path);
        }

        return isWhole;
    }

    private (StranglerConfiguration Next, KeyFile Keys) Validated(byte[] content)
    {
        var next = _running.LoadAgain(content);
        List<string> errors = [];
        KeyFile? keys = null;
        Collect(() => next.HashKey());
        Collect(() => next.Http?.RequireAccess());
        Collect(() => keys = KeyRing.Check(next.Http?.Access ?? new AccessOptions()));
        foreach (var (context, side) in next.Configured.SelectMany(name => new[] { (name, SideName.Legacy), (name, SideName.New) }))
        {
            Collect(() => next.ConnectionString(context, side));
            Collect(() => next.ReplicaConnectionStrings(context, side));
        }

        return errors.Count == 0 ? (next, keys!) : throw new ConfigurationException(errors);

        void Collect(Action check)
        {
            try
            {
                check();
            }
            catch (ConfigurationException exception)
            {
                errors.AddRange(exception.Errors);
            }
        }
    }

    private bool MayTake(string path, StranglerConfiguration next) => LiveSettings.Contains(path) && path.Split('.') switch
    {
        ["contexts", var name, ..] => _hosts.Any(host => host.Name == name) && next.Configured.Contains(name),
        ["http", "oidc", ..] => _web?.Access.HasIssuer == true && next.Http?.Access.Oidc is not null,
        ["http", ..] => _web is not null && next.Http is not null,
        _ => true,
    };

    private async Task<bool> AdoptAsync(
        string file, ContextHost? host, IReadOnlyList<SettingChange> changes, StranglerConfiguration next, Action adopt, CancellationToken cancellationToken)
    {
        var what = string.Join("; ", changes);
        if (!await TellAsync(host is null ? _hosts : [host], file, what, cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        adopt();
        foreach (var change in changes)
        {
            _inForce.Remove(change.Path);
            if (next.Settings.TryGetValue(change.Path, out var setting))
            {
                _inForce[change.Path] = setting;
            }
        }

        _log.Adopted(file, what);
        return true;
    }

    private void Adopt(ContextHost? host, StranglerConfiguration next, HttpOptions? http, KeyFile keys)
    {
        if (host is not null)
        {
            host.Adopt(next.Contexts[host.Name]);
            return;
        }

        _running.Reveal = next.Reveal;
        if (http is not null)
        {
            _web?.Adopt(http, keys);
        }
    }

    private async Task TellKeysAsync(CancellationToken cancellationToken)
    {
        while (_keys.TryPeek(out var change) && await TellAsync(_hosts, _web!.Access.KeysFile ?? _running.File ?? "", $"{change}", cancellationToken).ConfigureAwait(false))
        {
            _keys.TryDequeue(out _);
        }
    }

    // What is the whole service's stands in the trail of each context that can be reached; of one at least.
    private async Task<bool> TellAsync(IReadOnlyList<ContextHost> hosts, string file, string what, CancellationToken cancellationToken)
    {
        var isTold = false;
        foreach (var host in hosts)
        {
            try
            {
                await Append(host, Actor, "settings", $"{file} has changed", what, cancellationToken).ConfigureAwait(false);
                isTold = true;
                _mute.Remove(host.Name);
            }
#pragma warning disable CA1031 // Whatever it is, the next context's trail may take it, or this one's a moment later.
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                if (_mute.Add(host.Name))
                {
                    _log.CannotTell(host.Name, what, exception.GetType().Name);
                }
            }
        }

        return isTold;
    }
}
