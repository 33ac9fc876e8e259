using Npgsql;
using Strangler.Mapping;
using Strangler.Schemas;

namespace Strangler.Postgres;

/// <summary>The tables as the server's catalog shows them.</summary>
internal sealed class PostgresLegacyTables(PostgresSide side) : ILegacyTables
{
    public async Task<IReadOnlyList<ActualColumn>> ColumnsAsync(IReadOnlyCollection<string> tables, CancellationToken cancellationToken)
    {
        var quoted = tables.Select(AggregateSql.Quote).ToArray();
        return await side.ListAsync(
            new Batch().Add($"""
                SELECT u.name, CAST(a.attname AS text), format_type(a.atttypid, NULL), format_type(a.atttypid, a.atttypmod), a.atttypmod, a.attnotnull,
                    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = '',
                    ARRAY(SELECT CASE WHEN i.indisprimary THEN 'PRIMARY' ELSE CAST(c.relname AS text) END FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                        WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid AND i.indpred IS NULL ORDER BY c.relname)
                FROM unnest({tables.ToArray()}, {quoted}) WITH ORDINALITY u (name, quoted, place) JOIN pg_attribute a ON a.attrelid = to_regclass(u.quoted)
                WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY u.place, a.attnum
                """),
            Read,
            cancellationToken,
            background: true).ConfigureAwait(false);
    }

    public async Task<IReadOnlyList<TableRows>> CountAllAsync(CancellationToken cancellationToken)
    {
        var names = await side.ListAsync(
            new Batch().Add($"""
                SELECT CAST(relname AS text) FROM pg_class
                WHERE relkind IN ('r', 'p') AND NOT relispartition AND relpersistence <> 't' AND relnamespace = ANY(CAST(current_schemas(false) AS regnamespace[]))
                AND NOT starts_with(CAST(relname AS text), 'strangler_') ORDER BY relname
                """),
            reader => reader.GetString(0),
            cancellationToken,
            background: true).ConfigureAwait(false);
        List<TableRows> tables = [];
        foreach (var name in names)
        {
            var quoted = new Sql($"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"");
            var rows = await side.FirstAsync(
                new Batch().Add($"SELECT COUNT(*) FROM {quoted}"), reader => reader.GetInt64(0), cancellationToken, background: true).ConfigureAwait(false);
            tables.Add(new TableRows(name, rows));
        }

        return tables;
    }

    private static ActualColumn Read(NpgsqlDataReader reader)
    {
        var (type, full, modifier) = (reader.GetString(2), reader.GetString(3), reader.GetInt32(4));
        return new ActualColumn(reader.GetString(0), reader.GetString(1), full, 0, false, !reader.GetBoolean(5), null, reader.GetBoolean(6))
        {
            Indexes = reader.GetFieldValue<string[]>(7),
            StandsFor = declared => StandsFor(type, modifier, declared),
            HasExactName = true,
        };
    }

    /// <summary>
    /// Whether a column reads as what a mapping declares, and takes all that it says. The mapping's words are MySQL's; what is wider here will do, since
    /// the mapping sets the limits. Times have whole seconds and no zone: others would have to be rounded, or converted by a guess.
    /// </summary>
    internal static bool StandsFor(string type, int modifier, DeclaredColumn declared) => (declared.SqlType, declared.Unsigned) switch
    {
        ("tinyint", _) or ("smallint", false) => type is "smallint" or "integer" or "bigint",
        ("smallint", true) or ("int", false) => type is "integer" or "bigint",
        ("int", true) or ("bigint", _) => type is "bigint",
        ("float", _) => type is "real",
        ("double", _) => type is "double precision",
        ("date", _) => type is "date",
        ("datetime" or "timestamp", _) => type is "timestamp without time zone" && modifier == 0,
        ("char", _) => type is "character" && modifier == declared.Length + VarSize,
        ("varchar", _) => type is "text" || (type is "character varying" && (modifier < 0 || modifier >= declared.Length + VarSize)),
        ("binary" or "varbinary" or "tinyblob" or "blob" or "mediumblob" or "longblob", _) => type is "bytea",
        ("tinytext" or "text" or "mediumtext" or "longtext", _) => type is "text" || (type is "character varying" && modifier < 0),
        _ => false,
    };

    // What the server adds to the length of a text.
    private const int VarSize = 4;
}
