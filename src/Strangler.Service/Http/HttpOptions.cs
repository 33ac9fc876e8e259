using System.Net;
using Strangler.Service.Configuration;
using Strangler.Service.Http.Access;

namespace Strangler.Service.Http;

/// <summary>Where a service answers HTTP.</summary>
/// <param name="Listen">Addresses and ports; port 0 takes a free one.</param>
public sealed record HttpOptions(IReadOnlyList<IPEndPoint> Listen)
{
    /// <summary>The port where none is named.</summary>
    public const int DefaultPort = 5080;

    /// <summary>Whether the API for operators, the dashboard, health and metrics are there; false: the frontends' routes alone.</summary>
    public bool Admin { get; init; } = true;

    /// <summary>The contexts whose entities frontends read and write by <c>/v1</c>.</summary>
    public IReadOnlyList<string> Repositories { get; init; } = [];

    /// <summary>Who may use them.</summary>
    public AccessOptions Access { get; init; } = new();

    /// <summary>What a single client may take.</summary>
    public HttpLimits Limits { get; init; } = new();

    /// <summary>Where browsers find the service, when something stands before it (TLS ends there); null: where it listens.</summary>
    public Uri? PublicUrl { get; init; }

    /// <summary>Whether others than this machine can come.</summary>
    public bool IsOpenToOthers => Listen.Any(place => !IPAddress.IsLoopback(place.Address));

    /// <exception cref="ConfigurationException">Others could come, and there is no way to know anybody.</exception>
    internal void RequireAccess()
    {
        if ((Admin || Repositories.Count > 0) && IsOpenToOthers && !Access.IsConfigured)
        {
            throw new ConfigurationException(
            [
                $"http.listen is {string.Join(", ", Listen)}, which others than this machine reach, and nobody could show who they are: there is no http.keys, "
                + "http.keysFile or http.oidc. Make a key with: strangler key new; or serve the frontends' open routes alone with \"admin\": false, and no http.repositories.",
            ]);
        }
    }

    /// <summary>The machine itself, and nobody else: whoever wants more says so.</summary>
    public static HttpOptions Loopback { get; } = new([new IPEndPoint(IPAddress.Loopback, DefaultPort)]);

    /// <summary>Of texts such as <c>127.0.0.1:5080</c>, <c>[::1]:5080</c> and <c>localhost:5080</c>; of none <see cref="Loopback"/>.</summary>
    public static (HttpOptions Options, IReadOnlyList<string> Errors) Parse(IReadOnlyList<string> listen)
    {
        List<string> errors = [];
        List<IPEndPoint> places = [];
        foreach (var (text, at) in listen.Select((text, at) => (text, at)))
        {
            var numeric = text.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase) ? "127.0.0.1" + text["localhost".Length..] : text;
            if (IPEndPoint.TryParse(numeric, out var place) && HasPort(numeric))
            {
                places.Add(place);
            }
            else
            {
                errors.Add(
                    $"http.listen[{at}] is \"{text}\"; expected an address and a port, such as 127.0.0.1:{DefaultPort}, [::1]:{DefaultPort} or "
                    + $"0.0.0.0:{DefaultPort}.");
            }
        }

        return (places.Count == 0 ? Loopback : new HttpOptions(places), errors);
    }

    private static bool HasPort(string text) => text.LastIndexOf(':') > text.LastIndexOf(']') && (text.Contains(']') || text.Count(c => c == ':') == 1);
}
