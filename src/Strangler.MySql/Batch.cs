using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Strangler.MySql;

/// <summary>A piece of SQL text made by us from validated identifiers; everything else in a <see cref="Batch"/> becomes a
/// parameter.</summary>
internal readonly record struct Sql(string Text);

/// <summary>
/// Statements that travel in one round trip. Interpolated values become parameters by construction: <c>batch.Add($"DELETE FROM {table}
/// WHERE id = {id}")</c>
/// splices only what has the type <see cref="Sql"/>.
/// </summary>
internal sealed class Batch
{
    private static readonly string[] Names = Enumerable.Range(0, 4096).Select(i => $"@p{i}").ToArray();

    private readonly StringBuilder _text = new(512);
    private readonly List<object?> _values = [];

    public bool IsEmpty => _text.Length == 0;

    public int Parameters => _values.Count;

    /// <summary>Appends one statement; the separator is added.</summary>
    public Batch Add([InterpolatedStringHandlerArgument("")] StatementHandler statement)
    {
        _ = statement;
        _text.Append(";\n");
        return this;
    }

    /// <summary>Appends a piece of a statement; <see cref="End"/> ends it.</summary>
    public Batch Part([InterpolatedStringHandlerArgument("")] StatementHandler part)
    {
        _ = part;
        return this;
    }

    public Batch End()
    {
        _text.Append(";\n");
        return this;
    }

    public void Clear()
    {
        _text.Clear();
        _values.Clear();
    }

    /// <summary>Appends a piece that somebody else has written; a hole that is named twice is one parameter.</summary>
    public Batch Formatted(FormattableString statement)
    {
        var values = statement.GetArguments();
        _text.Append(string.Format(CultureInfo.InvariantCulture, statement.Format, [.. values.Select((_, at) => NameOf(_values.Count + at))]));
        _values.AddRange(values);
        return this;
    }

    public void Value(object? value)
    {
        _text.Append(NameOf(_values.Count));
        _values.Add(value);
    }

    public void Raw(string text) => _text.Append(text);

    public DbCommand ToCommand(DbConnection connection, TimeSpan timeout)
    {
        var command = connection.CreateCommand();
        command.CommandText = _text.ToString();
        command.CommandTimeout = Math.Max(1, (int)Math.Ceiling(timeout.TotalSeconds));
        for (var i = 0; i < _values.Count; i++)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = NameOf(i);
            parameter.Value = _values[i] ?? DBNull.Value;
            command.Parameters.Add(parameter);
        }

        return command;
    }

    public override string ToString() => _text.ToString();

    private static string NameOf(int index) => index < Names.Length ? Names[index] : string.Create(CultureInfo.InvariantCulture, $"@p{index}");
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
