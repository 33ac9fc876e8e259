using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Strangler.Postgres;

/// <summary>A piece of SQL text made by us from validated identifiers; everything else in a <see cref="Batch"/> becomes a
/// parameter.</summary>
internal readonly record struct Sql(string Text);

/// <summary>A value that goes as text without a type, so that the server reads it as what it is for: the DATE or TIMESTAMP of a column.</summary>
internal readonly record struct Untyped(string Text);

/// <summary>
/// Statements that travel in one round trip. Interpolated values become parameters by construction: <c>batch.Add($"DELETE FROM {table}
/// WHERE id = {id}")</c> splices only what has the type <see cref="Sql"/>.
/// </summary>
/// <remarks>The server goes no further than the first statement that fails: a COMMIT at the end is then never reached.</remarks>
internal sealed class Batch
{
    private readonly List<(string Text, object?[] Values)> _statements = [];
    private readonly StringBuilder _text = new(256);
    private readonly List<object?> _values = [];

    public bool IsEmpty => _statements.Count == 0 && _text.Length == 0;

    public int Parameters { get; private set; }

    /// <summary>Appends one statement.</summary>
    public Batch Add([InterpolatedStringHandlerArgument("")] StatementHandler statement)
    {
        _ = statement;
        return End();
    }

    /// <summary>Appends a piece of a statement; <see cref="End"/> ends it.</summary>
    public Batch Part([InterpolatedStringHandlerArgument("")] StatementHandler part)
    {
        _ = part;
        return this;
    }

    public Batch End()
    {
        _statements.Add((_text.ToString(), [.. _values]));
        _text.Clear();
        _values.Clear();
        return this;
    }

    /// <summary>What another batch holds, behind this.</summary>
    public Batch Append(Batch other)
    {
        _statements.AddRange(other._statements);
        return this;
    }

    public void Clear()
    {
        _statements.Clear();
        _text.Clear();
        _values.Clear();
        Parameters = 0;
    }

    /// <summary>Appends a piece that somebody else has written; a hole that is named twice is one parameter.</summary>
    public Batch Formatted(FormattableString statement)
    {
        var values = statement.GetArguments();
        var names = values.Select((_, at) => (object)string.Create(CultureInfo.InvariantCulture, $"${_values.Count + at + 1}"));
        _text.Append(string.Format(CultureInfo.InvariantCulture, statement.Format, [.. names]));
        _values.AddRange(values);
        Parameters += values.Length;
        return this;
    }

    /// <summary>Appends a statement whose text is known already, with the values of its parameters in their order.</summary>
    public Batch Whole(string text, object?[] values)
    {
        _statements.Add((text, values));
        Parameters += values.Length;
        return this;
    }

    public void Value(object? value)
    {
        _values.Add(value);
        Parameters++;
        _text.Append(CultureInfo.InvariantCulture, $"${_values.Count}");
    }

    public Batch Raw(string text)
    {
        _text.Append(text);
        return this;
    }

    /// <summary>Without a time limit: <see cref="PostgresConnection"/> keeps it.</summary>
    public NpgsqlBatch ToCommand(NpgsqlConnection connection)
    {
        var batch = new NpgsqlBatch(connection) { Timeout = 0 };
        foreach (var (text, values) in _statements)
        {
            var command = new NpgsqlBatchCommand(text);
            foreach (var value in values)
            {
                command.Parameters.Add(Parameter(value));
            }

            batch.BatchCommands.Add(command);
        }

        return batch;
    }

    public override string ToString() => string.Join(";\n", _statements.Select(statement => statement.Text));

    // Without a type of its own NULL is what its place wants.
    private static NpgsqlParameter Parameter(object? value) => value switch
    {
        null => new NpgsqlParameter { Value = DBNull.Value },
        Untyped untyped => new NpgsqlParameter { Value = untyped.Text, NpgsqlDbType = NpgsqlDbType.Unknown },
        _ => new NpgsqlParameter { Value = value },
    };
}

/// <summary>Writes the holes of an interpolated statement: <see cref="Sql"/> as text, all others as parameters.</summary>
[InterpolatedStringHandler]
internal readonly ref struct StatementHandler
{
    private readonly Batch _batch;

    public StatementHandler(int literalLength, int formattedCount, Batch batch)
    {
        _ = literalLength;
        _ = formattedCount;
        _batch = batch;
    }

    public void AppendLiteral(string text) => _batch.Raw(text);

    public void AppendFormatted(Sql sql) => _batch.Raw(sql.Text);

    public void AppendFormatted(object? value)
    {
        if (value is Sql sql)
        {
            _batch.Raw(sql.Text);
        }
        else
        {
            _batch.Value(value);
        }
    }
}
