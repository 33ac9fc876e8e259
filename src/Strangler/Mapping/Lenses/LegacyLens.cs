using Strangler.Mapping.Converters;

namespace Strangler.Mapping.Lenses;

/// <summary>A converter with the fields that it fills: <paramref name="Count"/> ordinals from <paramref name="First"/> on.</summary>
internal sealed record ConvertedFields(LegacyConverter Converter, int First, int Count);

/// <summary>A boolean that says whether a timestamp is there.</summary>
internal sealed record FlagOf(int Ordinal, string Name, int Timestamp, string TimestampName);

/// <summary>
/// The legacy side. Put changes a copy of the row in steps (extras, plain fields, converters), each writing only what the row does not
/// show already;
/// then it reads the result as anyone would and refuses it unless it shows the record. So PutGet holds whatever a format or a
/// converter gets wrong: the worst that a mistake there can do is refuse.
/// </summary>
internal sealed class LegacyLens(
    RecordSchema schema, LegacyPlan plan, LegacyField[] fields, ConvertedFields[] converters, FlagOf[] flags, ExtrasField? extras)
        : IRecordLens
{
    /// <summary>The reason of a refusal that no format or converter gave: the verifier counts it as a broken law.</summary>
    public const string ShowsOther = "legacy would show another value than the one written";

    private const string ShowsOtherExtras =
        "legacy would show other extras; a field that was given a value must lose its extra (CompiledMapping.Change)";

    private readonly LegacyField[] _rows = [.. fields.Where(field => field is RowField)];
    private readonly RecordField[] _canonical = [.. schema.Fields.Where(field => field.IsUnordered || field.Derived.Count > 0)];
    private readonly LegacyField[] _places = [.. fields.Where(field => field is not RowField)];

    public RecordSchema Schema { get; } = schema;

    public AggregateLayout Layout { get; } = plan.Layout;

    public Record Get(AggregateRow row) => new(Schema, Read(new LegacyCursor(plan, row)));

    public AggregateRow Put(Record record, AggregateRow? was)
    {
        var row = was ?? plan.Blank;
        var cursor = new LegacyCursor(plan, row);
        var shown = Read(cursor);
        var wanted = Wanted(record, shown, isNew: was is null);
        if (was is not null && Agrees(shown, wanted))
        {
            return was;
        }

        CheckFlags(wanted);
        cursor.BeginWrite();
        // Companion rows first: removing one takes its columns along.
        shown = WriteFields(_rows, cursor, shown, wanted) ? Read(cursor) : shown;
        shown = WriteExtras(cursor, shown, wanted);
        WriteFields(_places, cursor, shown, wanted);
        WriteConverted(cursor, wanted);
        var now = cursor.Finish();
        CheckKey(was, now);
        if (was is null)
        {
            CheckRequired(now);
        }

        CheckShown(now, wanted);
        return now;
    }

    private object?[] Read(LegacyCursor row)
    {
        row.Extras.Clear();
        var values = new object?[Schema.Fields.Count];
        foreach (var field in fields)
        {
            values[field.Ordinal] = field.Read(row);
        }

        MakeCanonical(values);

        foreach (var converted in converters)
        {
            converted.Converter.Read(row, values.AsSpan(converted.First, converted.Count));
        }

        foreach (var flag in flags)
        {
            values[flag.Ordinal] = Values.Of(Values.Resolve(values[flag.Timestamp]) is not null);
        }

        if (extras is not null)
        {
            values[extras.Ordinal] = extras.Read(row);
        }

        return values;
    }

    // What the row shall show. A hidden value asks for nothing: it stays what the row shows, or becomes its derivation in a new row.
    private object?[] Wanted(Record record, object?[] shown, bool isNew)
    {
        if (!ReferenceEquals(record.Schema, Schema) && record.Schema.Kind != Schema.Kind)
        {
            throw new ArgumentException($"A record of {record.Schema.Kind} for a mapping of {Schema.Kind}.", nameof(record));
        }

        var wanted = (object?[])record.Values.Clone();
        for (var i = 0; i < wanted.Length; i++)
        {
            if (wanted[i] is Hidden hidden)
            {
                wanted[i] = isNew || shown[i] is Hidden ? hidden.Derived : shown[i];
            }
        }

        MakeCanonical(wanted);
        return wanted;
    }

    private void MakeCanonical(object?[] values)
    {
        foreach (var field in _canonical)
        {
            values[field.Ordinal] = field.Canonical(values[field.Ordinal]);
        }
    }

    private static bool Agrees(object?[] shown, object?[] wanted)
    {
        for (var i = 0; i < shown.Length; i++)
        {
            if (!Values.Agree(shown[i], wanted[i]))
            {
                return false;
            }
        }

        return true;
    }

    private void CheckFlags(object?[] wanted)
    {
        foreach (var flag in flags)
        {
            if (Values.Expect<bool>(flag.Name, wanted[flag.Ordinal]) != (wanted[flag.Timestamp] is not null))
            {
                throw new CannotHoldException(flag.Name, $"legacy knows it only by {flag.TimestampName}; change both");
            }
        }
    }

    private object?[] WriteExtras(LegacyCursor cursor, object?[] shown, object?[] wanted)
    {
        if (extras is null)
        {
            return shown;
        }

        var list = Values.Expect<RecordList>(extras.Name, wanted[extras.Ordinal]);
        var present = (RecordList)shown[extras.Ordinal]!;
        extras.Write(cursor, present, list);
        return present.Equals(list) ? shown : Read(cursor);
    }

    private static bool WriteFields(LegacyField[] writers, LegacyCursor cursor, object?[] shown, object?[] wanted)
    {
        var isWritten = false;
        foreach (var field in writers)
        {
            if (!Values.Agree(shown[field.Ordinal], wanted[field.Ordinal]))
            {
                field.Write(cursor, wanted[field.Ordinal]);
                isWritten = true;
            }
        }

        return isWritten;
    }

    // A converter is asked what the row shows by now: plain fields and earlier converters may have changed what it looks at.
    private void WriteConverted(LegacyCursor cursor, object?[] wanted)
    {
        foreach (var converted in converters)
        {
            var shown = new object?[converted.Count];
            converted.Converter.Read(cursor, shown);
            var values = wanted.AsSpan(converted.First, converted.Count);
            for (var i = 0; i < shown.Length; i++)
            {
                CheckType(converted.First + i, values[i]);
                if (!Values.Agree(shown[i], values[i]))
                {
                    converted.Converter.Write(cursor, values);
                    break;
                }
            }
        }
    }

    private void CheckType(int ordinal, object? value)
    {
        var field = Schema.Fields[ordinal];
        if (field.Type == FieldType.Code)
        {
            var code = Values.Expect<string>(field.Name, value);
            if (!field.Codes.Contains(code))
            {
                throw new CannotHoldException(field.Name, "not one of the field's codes");
            }
        }
        else if (field.Default is not null && field.Default.GetType() != value?.GetType())
        {
            throw Values.Mistyped(field.Name, field.Default.GetType(), value);
        }
    }

    // The row would be another entity: rows, map and journal know it by its key.
    private void CheckKey(AggregateRow? was, AggregateRow now)
    {
        if (Layout.Root.NaturalKey is not { } key)
        {
            return;
        }

        if (key.IdOf(now.Root) is var id && id < 1)
        {
            throw new CannotHoldException(FieldAt(0, key.Column), "is no key");
        }

        if (was is not null && key.IdOf(was.Root) != id)
        {
            throw new CannotHoldException(FieldAt(0, key.Column), "is the key, which does not change; delete the one and make the other");
        }
    }

    private void CheckRequired(AggregateRow row)
    {
        for (var table = 0; table < row.Tables.Length; table++)
        {
            foreach (var values in row.Tables[table])
            {
                for (var column = 0; column < values.Length; column++)
                {
                    if (values[column] is null && !Layout.Tables[table].Columns[column].Nullable && !plan.IsFilledIn(table, column))
                    {
                        throw new CannotHoldException(FieldAt(table, column), "must be set");
                    }
                }
            }
        }
    }

    private string FieldAt(int table, int column) =>
        FieldsByColumn.TryGetValue((table, column), out var field) ? field
            : $"{Layout.Tables[table].Name}.{Layout.Tables[table].Columns[column].Name}";

    /// <summary>Names for messages; set once by the compiler.</summary>
    public Dictionary<(int Table, int Column), string> FieldsByColumn { get; init; } = [];

    private void CheckShown(AggregateRow now, object?[] wanted)
    {
        object?[] shown;
        try
        {
            shown = Read(new LegacyCursor(plan, now));
        }
        catch (UnreadableException exception)
        {
            throw new CannotHoldException(exception.Place, exception.Reason);
        }

        for (var i = 0; i < wanted.Length; i++)
        {
            if (!Values.Agree(shown[i], wanted[i]))
            {
                throw new CannotHoldException(Schema.Fields[i].Name, i == extras?.Ordinal ? ShowsOtherExtras : ShowsOther);
            }
        }
    }
}
