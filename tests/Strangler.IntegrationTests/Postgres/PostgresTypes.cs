using Strangler.Mapping;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>What a new side's columns are in PostgreSQL.</summary>
internal static class PostgresTypes
{
    /// <summary>The types, as <c>format_type</c> says them, of which a column of the layout has to be one.</summary>
    public static string[] Of(ColumnLayout column) => column switch
    {
        { IsFlag: true } => ["boolean"],
        { Type: ColumnType.Integer } => ["bigint", "integer"],
        { Type: ColumnType.DateTime } => ["timestamp(0) without time zone", "date"],
        { Type: ColumnType.Binary } => ["bytea"],
        { MaxLength: > 0 } => [$"character varying({column.MaxLength})"],
        _ => ["text"],
    };
}
