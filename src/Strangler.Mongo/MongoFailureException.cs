using System.Globalization;
using System.Text.RegularExpressions;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>A command failed. The message has no values of documents: servers quote them, and they may be personal.</summary>
public sealed partial class MongoFailureException : Exception
{
    private const string Transient = "TransientTransactionError";
    private const string UnknownCommit = "UnknownTransactionCommitResult";
    private const int InvalidOptions = 72;

    public MongoFailureException(MongoErrorKind kind, string message, Exception? cause = null)
        : base(message, cause) => Kind = kind;

    /// <summary>What happened.</summary>
    public MongoErrorKind Kind { get; }

    /// <summary>The server's number of the error; 0 when it is not the server's.</summary>
    public int Code { get; init; }

    /// <summary>What the server or the driver says of repeating.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>The index of a duplicate, when the server names it.</summary>
    public string? Index { get; init; }

    /// <summary>The whole transaction can be tried again: nothing of it was committed.</summary>
    public bool IsTransientTransaction => Labels.Contains(Transient) || Kind is MongoErrorKind.WriteConflict;

    /// <summary>The transaction may or may not have been committed.</summary>
    public bool IsCommitUnknown => Labels.Contains(UnknownCommit);

    /// <summary>The same command may succeed later without being changed.</summary>
    public bool IsTransient => IsTransientTransaction || Kind is MongoErrorKind.Unreachable or MongoErrorKind.ConnectionLost
        or MongoErrorKind.NotPrimary
        or MongoErrorKind.Timeout or MongoErrorKind.Interrupted or MongoErrorKind.DiskFull or MongoErrorKind.NoTransaction
            or MongoErrorKind.CursorLost
        or MongoErrorKind.NotConfirmed;

    /// <summary>A read may be repeated at once, outside of a transaction.</summary>
    internal bool IsRetryableRead => Kind is MongoErrorKind.ConnectionLost or MongoErrorKind.NotPrimary;

    /// <summary>What a reply of the server says, or one of its write errors.</summary>
    internal static MongoFailureException Of(BsonDocument error, IReadOnlyList<string>? labels = null)
    {
        error["code"].TryGetInt64(out var code);
        var kind = IsBehind((int)code, error["errmsg"]) ? MongoErrorKind.NotPrimary : KindOf((int)code);
        var said = error["errmsg"].Type == BsonType.String ? error["errmsg"].AsString : "no reason given";
        var name = error["codeName"].Type == BsonType.String ? error["codeName"].AsString : kind.ToString();
        return new(kind, string.Create(CultureInfo.InvariantCulture, $"{WithoutValues(said, kind)} ({name}, {code})"))
        {
            Code = (int)code,
            Labels = labels ?? LabelsOf(error),
            Index = kind == MongoErrorKind.Duplicate && IndexName().Match(said) is { Success: true } match ? match.Groups[1].Value : null,
        };
    }

    internal static IReadOnlyList<string> LabelsOf(BsonDocument reply) => reply["errorLabels"].Type == BsonType.Array
        ? [.. reply["errorLabels"].AsArray.Where(label => label.Type == BsonType.String).Select(label => label.AsString)]
        : [];

    /// <summary>A message of the server without what it quotes: between quotes and braces.</summary>
    internal static string WithoutValues(string message, MongoErrorKind kind) => kind == MongoErrorKind.Duplicate
        ? message[..(message.IndexOf(" dup key", StringComparison.Ordinal) is var at and >= 0 ? at : message.Length)]
        : Quoted().Replace(Braces().Replace(message, "{…}"), "$1…$1");

    /// <summary>Asked for what this process has seen and the server has never heard of: no primary of today, or one that has just begun.</summary>
    private static bool IsBehind(int code, BsonValue said) => code == InvalidOptions && said.Type == BsonType.String
        && said.AsString.Contains("must not be greater than the current clusterTime", StringComparison.Ordinal);

    /// <remarks>https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml</remarks>
    internal static MongoErrorKind KindOf(int code) => code switch
    {
        11000 or 11001 or 12582 => MongoErrorKind.Duplicate,
        112 or 246 or 24 => MongoErrorKind.WriteConflict,
        251 or 225 or 290 => MongoErrorKind.NoTransaction,
        6 or 7 or 133 => MongoErrorKind.Unreachable,
        13 or 18 or 11 or 8000 => MongoErrorKind.AccessDenied,
        9001 => MongoErrorKind.ConnectionLost,
        10107 or 13435 or 13436 or 11602 or 11600 or 91 or 189 => MongoErrorKind.NotPrimary,
        50 or 89 or 262 or 202 => MongoErrorKind.Timeout,
        11601 or 237 => MongoErrorKind.Interrupted,
        14031 => MongoErrorKind.DiskFull,
        121 => MongoErrorKind.Invalid,
        10334 or 17420 => MongoErrorKind.TooLarge,
        26 or 73 => MongoErrorKind.NoSuchCollection,
        48 or 85 or 86 or 68 => MongoErrorKind.Exists,
        43 or 136 or 175 => MongoErrorKind.CursorLost,
        286 or 280 or 260 or 50811 => MongoErrorKind.HistoryLost,
        64 or 79 or 100 => MongoErrorKind.NotConfirmed,
        20 => MongoErrorKind.Unsuitable,
        _ => MongoErrorKind.Other,
    };

    [GeneratedRegex(@"\bindex: (\S+)", RegexOptions.CultureInvariant)]
    private static partial Regex IndexName();

    // Greedy: braces within values need not be balanced.
    [GeneratedRegex(@"\{.*\}|\{.*$", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Braces();

    [GeneratedRegex("""(["'`])(?:.*)\1""", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Quoted();
}
