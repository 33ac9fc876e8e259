namespace Strangler.Mapping;

/// <summary>
/// Between the raw rows of one side and records. Laws (ARCHITECTURE §4, after Foster et al., "Combinators for bidirectional tree
/// transformations"): <c>Put(Get(row), row)</c> is the row, byte for byte; <c>Get(Put(record, row))</c> agrees with the record in every field that
/// the side does not hide.
/// </summary>
public interface IRecordLens
{
    RecordSchema Schema { get; }

    AggregateLayout Layout { get; }

    /// <summary>The record of a row. Throws <see cref="UnreadableException"/> when a value has no meaning in the mapping; nothing is guessed.</summary>
    Record Get(AggregateRow row);

    /// <summary>
    /// The row to write for a record: <paramref name="was"/> with only those values changed whose field changed; a new row when it is null.
    /// Throws <see cref="CannotHoldException"/> naming the field when the side cannot hold a value; never truncates.
    /// </summary>
    AggregateRow Put(Record record, AggregateRow? was);
}

/// <summary>A row that cannot be read: it goes to quarantine with this reason. The reason names places and shapes, never personal values.</summary>
public sealed class UnreadableException : Exception
{
    public UnreadableException(string place, string reason, Exception? cause = null)
        : base($"{place}: {reason}", cause)
    {
        Place = place;
        Reason = reason;
    }

    /// <summary>Where: a column (<c>spenden.status</c>) or a key path in a LOB (<c>spenden.data/adresstyp</c>).</summary>
    public string Place { get; }

    public string Reason { get; }

    /// <summary>The public id, once a caller that knows it has added it.</summary>
    public long? Id { get; init; }

    /// <summary>Whether the key was entered in quarantine for it just now.</summary>
    internal bool IsQuarantined { get; set; }
}

/// <summary>A record's value that a side cannot hold. The write is refused and neither side is touched.</summary>
public sealed class CannotHoldException : Exception
{
    public CannotHoldException(string field, string reason)
        : base($"{field}: {reason}")
    {
        Field = field;
        Reason = reason;
    }

    public string Field { get; }

    public string Reason { get; }
}
