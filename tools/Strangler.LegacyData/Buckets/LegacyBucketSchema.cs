using System.Data.Common;

namespace Strangler.LegacyData.Buckets;

/// <summary>The legacy tables <c>bucket_log</c> and <c>bucket_log_bucket</c>.</summary>
public static class LegacyBucketSchema
{
    private static readonly TableScript _script = new("Buckets.LegacyBucketSchema.sql", ["bucket_log", "bucket_log_bucket"]);

    /// <summary>The tables, in the order in which they have to be created.</summary>
    public static IReadOnlyList<string> Tables => _script.Tables;

    /// <summary>The statements that create them, without semicolons.</summary>
    public static IReadOnlyList<string> Statements => _script.Statements;

    /// <summary>Creates the tables in the connection's database.</summary>
    /// <exception cref="InvalidOperationException">One of them is already there; nothing has been changed.</exception>
    public static Task CreateAsync(DbConnection connection, CancellationToken cancellationToken = default) =>
        _script.CreateAsync(connection, cancellationToken);
}
