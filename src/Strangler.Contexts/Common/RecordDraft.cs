using Strangler.Mapping;

namespace Strangler.Contexts.Common;

/// <summary>The changes that an entity makes to its record: a hidden value stays hidden while the entity says what was derived for it.</summary>
internal sealed class RecordDraft(CompiledMapping mapping, Record present)
{
    private Record _record = present;

    public RecordSchema Schema => _record.Schema;

    public void Set(string field, object? value)
    {
        value = Schema.Fields[Schema.OrdinalOf(field)].Canonical(value);
        if (!Record.ValuesEqual(_record.Visible(field), value))
        {
            _record = mapping.Change(_record, field, value);
        }
    }

    /// <summary>A list, a row an item.</summary>
    public void Set<T>(string field, IReadOnlyList<T> items, Func<T, object?[]> row) =>
        Set(field, items.Count == 0 ? RecordList.Empty : new RecordList([.. items.Select(row)]));

    /// <summary>What both sides call it; a field that the context's mapping does not have can only hold nothing.</summary>
    /// <exception cref="CannotHoldException">It is not there, and more than nothing was to be written.</exception>
    public void SetIfThere(string field, object? value)
    {
        if (Schema.Has(field))
        {
            Set(field, value);
        }
        else if (value is not (null or "" or 0L or false or RecordList { Count: 0 }))
        {
            throw new CannotHoldException(field, $"{Schema.Context} has no such field");
        }
    }

    /// <summary>
    /// Personal data in places that the entity does not show: stale payment data, leftovers of old programs. But for those fields.
    /// </summary>
    public void ErasePersonal(params ReadOnlySpan<string> kept)
    {
        foreach (var field in Schema.Fields.Where(field => field.Personal && field.Type != FieldType.List))
        {
            if (!kept.Contains(field.Name))
            {
                Set(field.Name, field.Default);
            }
        }

        _record = mapping.WithoutPersonalExtras(_record);
    }

    public Record ToRecord() => _record;
}
