using System.Buffers;

namespace Strangler.Mongo;

/// <summary>
/// The parts of a connection string that we look at: where it leads, which database, and the settings that are ours to make. No message
/// shows more of it than
/// hosts, database, user and the names of settings.
/// </summary>
internal sealed class MongoAddress
{
    private const string Example = "mongodb://user:password@host:27017/database?replicaSet=rs0";

    private static readonly SearchValues<char> NotInHosts = SearchValues.Create("@/?#%");
    private static readonly SearchValues<char> NotInNames = SearchValues.Create("/\\. \"$\0");

    // Ours; two values of one setting would be taken differently by different drivers.
    private static readonly string[] Overruled =
    [
        "maxpoolsize", "minpoolsize", "waitqueuetimeoutms", "waitqueuemultiple", "maxidletimems", "connecttimeoutms", "sockettimeoutms",
        "serverselectiontimeoutms", "timeoutms", "w", "wtimeoutms", "wtimeout", "journal", "j", "fsync", "readconcernlevel",
            "readpreference",
        "readpreferencetags", "maxstalenessseconds", "retrywrites", "retryreads", "appname",
    ];

    private MongoAddress(string scheme, string credentials, string hosts, string database, IReadOnlyList<string> settings)
    {
        (Scheme, Credentials, Hosts, Database) = (scheme, credentials, hosts, Uri.UnescapeDataString(database));
        Settings = [.. settings.Where(setting => !Overruled.Contains(setting.Split('=')[0].ToLowerInvariant()))];
    }

    private string Scheme { get; }

    private string Credentials { get; }

    public string Hosts { get; }

    public string Database { get; }

    private IReadOnlyList<string> Settings { get; }

    /// <summary><c>user@host:port/database</c>, never the password.</summary>
    public string Display => $"{(Credentials.Length == 0 ? "" : Uri.UnescapeDataString(Credentials.Split(':')[0]) + "@")}{Hosts}/{Database}";

    /// <exception cref="ArgumentException">It is none.</exception>
    public static MongoAddress Parse(string connectionString) =>
        Problem(connectionString) is { } problem ? throw new ArgumentException(problem, nameof(connectionString)) : Split(connectionString);

    /// <summary>Null when it can be used.</summary>
    public static string? Problem(string connectionString)
    {
        if (string.IsNullOrWhiteSpace(connectionString))
            return $"The connection string is empty; it must look like {Example}";
        if (!connectionString.StartsWith("mongodb://", StringComparison.Ordinal)
            && !connectionString.StartsWith("mongodb+srv://", StringComparison.Ordinal))
            return $"The connection string cannot be read; it must look like {Example}";
        var address = Split(connectionString);
        if (address.Hosts.Length == 0)
            return "The connection string names no host.";
        // A '/' or '@' that is not written as %2F or %40 makes a part of a password look like a host.
        var isSocket = address.Hosts.Contains(".sock", StringComparison.Ordinal);
        if (address.Credentials.AsSpan().ContainsAny('/', '@') || (address.Hosts.AsSpan().ContainsAny(NotInHosts) && !isSocket))
            return "The connection string's hosts cannot be read; '/', '@', ':' and '%' in a password must be written as %2F, %40, %3A and %25.";
        if (address.Database.Length == 0)
            return $"The connection string names no database; it must look like {Example}";
        return address.Database.AsSpan().ContainsAny(NotInNames)
            ? "The connection string's database has a character that is not allowed there."
            : address.Settings.FirstOrDefault(setting => !setting.Contains('=', StringComparison.Ordinal)) is null
                ? null
                : "The connection string's settings must be name=value, joined by '&'.";
    }

    /// <summary>The connection string with settings of ours, as the drivers read it.</summary>
    public string With(IEnumerable<(string Name, string Value)> settings)
    {
        var all = string.Join('&', Settings.Concat(settings.Select(setting => $"{setting.Name}={Uri.EscapeDataString(setting.Value)}")));
        // MongoDB.Driver does not read a '?' that nothing follows.
        return $"{Scheme}{(Credentials.Length == 0 ? "" : Credentials + "@")}{Hosts}/{Uri.EscapeDataString(Database)}{(all.Length == 0 ? "" : "?")}{all}";
    }

    private static MongoAddress Split(string text)
    {
        var start = text.IndexOf("://", StringComparison.Ordinal) + 3;
        var question = text.IndexOf('?', start);
        var query = question < 0 ? "" : text[(question + 1)..];
        var rest = question < 0 ? text[start..] : text[start..question];
        var at = rest.LastIndexOf('@');
        var credentials = at < 0 ? "" : rest[..at];
        rest = rest[(at + 1)..];
        var slash = rest.LastIndexOf('/');
        return new(text[..start], credentials, slash < 0 ? rest : rest[..slash], slash < 0 ? "" : rest[(slash + 1)..],
            query.Split('&', StringSplitOptions.RemoveEmptyEntries));
    }
}
