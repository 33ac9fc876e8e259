using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Neighbours;
using Strangler.Service.Configuration;

namespace Strangler.Service;

/// <summary>The other contexts of a configuration, each opened when it is first asked for, and closed with the context that asked.</summary>
internal sealed class Neighbourhood(StranglerConfiguration configuration, string context, ILoggerFactory loggers, TimeProvider time)
    : INeighbours, IAsyncDisposable
{
    private readonly Dictionary<string, ContextHost> _opened = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private IReadOnlyList<IncomingReference>? _incoming;

    public ContextRuntime? Find(string other)
    {
        if (!configuration.Configured.Contains(other))
        {
            return null;
        }

        lock (_lock)
        {
            if (!_opened.TryGetValue(other, out var host))
            {
                _opened.Add(other, host = ContextHost.Open(configuration, other, loggers, time));
            }

            return host.Runtime;
        }
    }

    public IReadOnlyList<IncomingReference> Incoming() => _incoming ??=
    [
        .. configuration.Configured.Where(other => other != context).SelectMany(other =>
            ContextCatalog.LoadMapping(configuration, other).Values.SelectMany(mapping => mapping.References)
                .Where(reference => reference.Targets.Any(target => target.Context == context))
                .Select(reference => new IncomingReference(other, reference))),
    ];

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _opened.Values)
        {
            await host.DisposeAsync().ConfigureAwait(false);
        }
    }
}
