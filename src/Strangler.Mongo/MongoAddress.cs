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

    private const string NameTheSet =
        "Name the set: replicaSet=… (mongosh --eval 'db.hello().setName' says how it is called). A standalone server is made a set of one member first: start it with "
        + "--replSet rs0, then once: mongosh --eval 'rs.initiate()'.";

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

    /// <summary>
    /// Why it leads to one server, whatever that is to its set: libmongoc reads from it also where it is a secondary, and an old fence would be believed. Null
    /// when the primary is looked for. Of <c>mongodb+srv</c> it always is.
    /// </summary>
    public static string? DirectProblem(string connectionString)
    {
        var address = Parse(connectionString);
        if (address.ValuesOf("directConnection").Any(value => !value.Equals("false", StringComparison.OrdinalIgnoreCase)))
            return $"The connection string's directConnection leads past the set to one server, which need not be its primary; leave it out. {NameTheSet}";
        var isOneHost = !address.IsInDns && !address.Hosts.Contains(',', StringComparison.Ordinal);
        return isOneHost && !address.ValuesOf("replicaSet").Any(value => value.Length > 0)
            ? $"The connection string names one host and no set, so that whatever is read comes from that host, its set's primary or not. {NameTheSet}"
            : null;
    }

    /// <summary>The same address, but only its first host, whatever that is: to be asked what it is.</summary>
    public static string Direct(string connectionString)
    {
        var address = Parse(connectionString);
        var settings = address.Settings.Where(setting => !Is(setting, "directConnection") && !Is(setting, "replicaSet")).ToList();
        return new MongoAddress(address.Scheme, address.Credentials, address.Hosts.Split(',')[0], Uri.EscapeDataString(address.Database), settings)
            .With([("directConnection", "true")]);
    }

    /// <summary>Null: no set is named.</summary>
    public static string? SetOf(string connectionString) => Parse(connectionString).ValuesOf("replicaSet").FirstOrDefault(value => value.Length > 0);

    /// <summary>Its hosts do not stand in it, but in DNS.</summary>
    public bool IsInDns => Scheme != "mongodb://";

    private IEnumerable<string> ValuesOf(string name) => Settings.Where(setting => Is(setting, name)).Select(setting => setting[(name.Length + 1)..]);

    private static bool Is(string setting, string name) => setting.StartsWith(name + "=", StringComparison.OrdinalIgnoreCase);

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
            // One of the drivers takes ';' for '&'.
            query.Split(['&', ';'], StringSplitOptions.RemoveEmptyEntries));
    }
}
