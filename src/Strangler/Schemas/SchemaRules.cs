using Strangler.Mapping;

namespace Strangler.Schemas;

/// <summary>A difference between a mapping file and the tables that it describes.</summary>
/// <param name="Problem">The place in the file, table and column, and what is different.</param>
/// <param name="Stops">Whether work must stop: to go on could lose or distort a value, or make writes fail.</param>
public sealed record SchemaDifference(MappingProblem Problem, bool Stops)
{
    public override string ToString()
    {
        var (at, field) = ($"{Problem.File}:{Problem.Line}:{Problem.Column}", Problem.Field);
        return Stops ? Problem.ToString() : $"{at}: {field}: warning: {Problem.Message}";
    }
}

/// <summary>Compares what a mapping says of legacy's tables with what they are. Pure.</summary>
public static class SchemaRules
{
    private static readonly string[] WholeNumbers = ["tinyint", "smallint", "mediumint", "int", "integer", "bigint"];

    /// <summary>Every difference, in the order of the file.</summary>
    public static IReadOnlyList<SchemaDifference> Compare(IReadOnlyList<DeclaredTable> declared, IReadOnlyList<ActualColumn> actual)
    {
        var tables = actual.ToLookup(column => column.Table, StringComparer.Ordinal);
        return [.. declared.DistinctBy(table => table.Name).SelectMany(table => Compare(table, [.. tables[table.Name]]))];
    }

    private static IEnumerable<SchemaDifference> Compare(DeclaredTable table, ActualColumn[] actual)
    {
        if (actual.Length == 0)
        {
            return [Stop(table.At, table.Name, $"the database has no table {table.Name}")];
        }

        var names = actual[0].HasExactName ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase;
        var columns = actual.ToDictionary(column => column.Name, names);
        var known = table.Columns.Select(column => column.Name).Append(table.KeyColumn).Append(table.OwnKey ?? table.KeyColumn).ToHashSet(names);
        ActualColumn[] unknown = [.. actual.Where(column => !known.Contains(column.Name))];
        return
        [
            .. KeyOf(table, columns, unknown),
            .. OwnKeyOf(table, columns, unknown),
            .. table.Columns.SelectMany(column => ColumnOf(table, column, columns, unknown)),
            .. unknown.Where(column => column.MustBeGiven || !table.Staying.Contains(column.Name, StringComparer.OrdinalIgnoreCase))
                .Select(column => Unknown(table, column)),
        ];
    }

    private static IEnumerable<SchemaDifference> KeyOf(
        DeclaredTable table, Dictionary<string, ActualColumn> columns, ActualColumn[] unknown)
    {
        if (!columns.TryGetValue(table.KeyColumn, out var key))
        {
            yield return Gone(table, table.KeyColumn, table.At, unknown);
        }
        else if (!WholeNumbers.Contains(key.SqlType) && !table.Columns.Any(column => column.Name == table.KeyColumn))
        {
            yield return Stop(table.At, $"{table.Name}.{key.Name}", $"the key is {TypeOf(key)}, and must be a whole number");
        }
        else if (table.Index is { } index && !key.Indexes.Contains(index, StringComparer.OrdinalIgnoreCase))
        {
            var there = key.Indexes.Count == 0 ? "none does" : $"these do: {string.Join(", ", key.Indexes)}";
            yield return Stop(table.At, $"{table.Name}.{key.Name}", $"no index {index} begins with {key.Name} ({there}); say index=\"…\", or add one");
        }
    }

    private static IEnumerable<SchemaDifference> OwnKeyOf(
        DeclaredTable table, Dictionary<string, ActualColumn> columns, ActualColumn[] unknown)
    {
        if (table.OwnKey is not { } name)
        {
            yield break;
        }

        if (!columns.TryGetValue(name, out var key))
        {
            yield return Gone(table, name, table.At, unknown);
        }
        else if (!WholeNumbers.Contains(key.SqlType) || key.MustBeGiven)
        {
            var fault = key.MustBeGiven ? " and not AUTO_INCREMENT" : "";
            yield return Stop(table.At, $"{table.Name}.{key.Name}", $"the column is {TypeOf(key)}{fault}: rows are inserted without it");
        }
    }

    private static IEnumerable<SchemaDifference> ColumnOf(
        DeclaredTable table, DeclaredColumn declared, Dictionary<string, ActualColumn> columns, ActualColumn[] unknown)
    {
        if (!columns.TryGetValue(declared.Name, out var actual))
        {
            yield return Gone(table, declared.Name, declared.At, unknown);
            yield break;
        }

        var field = $"{table.Name}.{declared.Name}";
        if (!(actual.StandsFor?.Invoke(declared) ?? (TypeOf(declared) == TypeOf(actual) || IsReadByBytes(declared, actual))))
        {
            yield return Stop(declared.At, field, $"the column is {TypeOf(actual)}, the mapping says {TypeOf(declared)}");
        }

        if (declared.Nullable != actual.Nullable)
        {
            var (now, mapped) = actual.Nullable ? ("may be NULL", "it may not") : ("may not be NULL", "it may");
            yield return Stop(declared.At, field, $"the column {now}, the mapping says {mapped}");
        }

        if (table.CharacterSet is { } set && actual.CharacterSet is { } stored && Plain(set) != Plain(stored))
        {
            yield return Stop(declared.At, field, $"the column's character set is {stored}, the mapping says {set}");
        }
    }

    // What is declared as bytes is read and compared by its bytes, also where the table has come to call it text.
    private static bool IsReadByBytes(DeclaredColumn declared, ActualColumn actual) =>
        declared.SqlType == "varbinary" && actual.SqlType == "varchar" && declared.Length == actual.Length;

    private static SchemaDifference Gone(DeclaredTable table, string column, MappingPlace at, ActualColumn[] unknown)
    {
        var names = string.Join(", ", unknown.Select(candidate => candidate.Name));
        var hint = unknown.Length == 0 ? "" : $"; renamed? not in the mapping: {names}";
        return Stop(at, $"{table.Name}.{column}", $"the table {table.Name} has no column {column}{hint}");
    }

    private static SchemaDifference Unknown(DeclaredTable table, ActualColumn column)
    {
        var field = $"{table.Name}.{column.Name}";
        return column.MustBeGiven
            ? Stop(
                table.At, field,
                $"the mapping does not know the column {column.Name}, and every insert has to give it (NOT NULL without a default): creates would "
                + "fail. Give it a default, or map it")
            : new SchemaDifference(
                new MappingProblem(
                    table.At.File, table.At.Line, table.At.Column, field,
                    "the mapping does not know the column: it stays as it is, and does not reach the new side"),
                Stops: false);
    }

    private static SchemaDifference Stop(MappingPlace at, string field, string message) =>
        new(new MappingProblem(at.File, at.Line, at.Column, field, message), Stops: true);

    private static string TypeOf(DeclaredColumn column) => TypeOf(column.SqlType, column.Length, column.Unsigned);

    private static string TypeOf(ActualColumn column) => TypeOf(column.SqlType, column.Length, column.Unsigned);

    private static string TypeOf(string type, long length, bool unsigned) =>
        $"{type}{(HasLength(type, length) ? $"({length})" : "")}{(unsigned ? " unsigned" : "")}";

    // A time with fractions of a second is one of another type; one without is written without.
    private static bool HasLength(string type, long length) => type switch
    {
        "char" or "varchar" or "binary" or "varbinary" => true,
        "datetime" or "timestamp" or "time" => length > 0,
        _ => false,
    };

    // Servers differ in what they call the three-byte form.
    private static string Plain(string characterSet) => characterSet == "utf8" ? "utf8mb3" : characterSet;
}
