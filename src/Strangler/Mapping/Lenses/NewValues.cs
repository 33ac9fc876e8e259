namespace Strangler.Mapping.Lenses;

/// <summary>Between a canonical value and a column of the new side.</summary>
internal abstract class NewValue(string place)
{
    protected string Place { get; } = place;

    /// <exception cref="UnreadableException">It is nothing that the column may hold.</exception>
    public object? Get(object? raw) => raw is MistypedValue mistyped ? throw new UnreadableException(Place, mistyped.Reason) : Read(raw);

    public abstract object? Read(object? raw);

    public abstract object? Write(string field, object? value);

    /// <summary>The same where text cannot hold the character 0.</summary>
    public virtual NewValue RefusingNul() => this;
}

internal sealed class NewBoolean(string place) : NewValue(place)
{
    // Strict, since the schema is ours: programs ask for = 1 and for <> 0, and would not agree on anything else.
    public override object Read(object? raw) => raw is null or 0L or 1L
        ? Values.Of(raw is 1L)
        : throw new UnreadableException(Place, "is neither 0 nor 1");

    public override object Write(string field, object? value) => Values.Of(Values.Expect<bool>(field, value) ? 1L : 0L);
}

internal sealed class NewInteger(string place, ColumnLayout column) : NewValue(place)
{
    public override object Read(object? raw) => raw ?? Values.Of(0L);

    public override object? Write(string field, object? value)
    {
        var number = Values.Expect<long>(field, value);
        return number >= column.MinValue && number <= column.MaxValue
            ? value
            : throw new CannotHoldException(field, $"outside {column.MinValue} to {column.MaxValue}, the range of {Place}");
    }
}

/// <summary>An id. A row carries the public one; a stored new id that the map does not know comes as <see cref="Unmapped"/>.</summary>
internal sealed class NewReference(string place, ColumnLayout column) : NewValue(place)
{
    /// <summary>What a store reads where no map row leads back from a new id.</summary>
    public const long Unmapped = -1;

    private readonly NewInteger _number = new(place, column);

    public override object Read(object? raw) =>
        raw is Unmapped ? throw new UnreadableException(Place, "holds a new id that no row of the id map leads to") : _number.Read(raw);

    public override object? Write(string field, object? value) => _number.Write(field, value);
}

internal sealed class NewText(string place, ColumnLayout column) : NewValue(place)
{
    public override object Read(object? raw) => raw ?? "";

    public override object? Write(string field, object? value)
    {
        TextLimits.Check(field, Values.Expect<string>(field, value), column);
        return value;
    }

    public override NewValue RefusingNul() => new NewText(Place, column with { RefusesNul = true });
}

internal sealed class NewCode(string place, string[] codes) : NewValue(place)
{
    public override object Read(object? raw)
    {
        var at = raw is string text ? Array.IndexOf(codes, text) : -1;
        return at >= 0 ? codes[at] : throw new UnreadableException(Place, "unknown code");
    }

    public override object Write(string field, object? value)
    {
        var at = Array.IndexOf(codes, Values.Expect<string>(field, value));
        return at >= 0 ? codes[at] : throw new CannotHoldException(field, "not one of the field's codes");
    }
}

internal sealed class NewTimestamp(string place) : NewValue(place)
{
    public override object? Read(object? raw) =>
        raw is null ? null
        : raw is string text && Values.TryDateTime(text, out var time) ? time
        : throw new UnreadableException(Place, TimestampFormat.NoTime);

    public override object? Write(string field, object? value) =>
        value is null ? null : Values.DateTimeText(field, Values.Expect<DateTime>(field, value));
}

internal sealed class NewDate(string place) : NewValue(place)
{
    public override object? Read(object? raw) =>
        raw is null ? null
        : raw is string text && Values.TryDate(text, out var date) ? date
        : throw new UnreadableException(Place, "is not a date between the years 1000 and 9999");

    public override object? Write(string field, object? value) =>
        value is null ? null : Values.DateText(field, Values.Expect<DateOnly>(field, value));
}

internal sealed class NewCount(string place, ColumnLayout column) : NewValue(place)
{
    private readonly NewInteger _number = new(place, column);

    public override object? Read(object? raw) => raw;

    public override object? Write(string field, object? value) => value is null ? null : _number.Write(field, value);
}

internal sealed class NewReal(string place, ColumnLayout column) : NewValue(place)
{
    public override object? Read(object? raw) =>
        raw is null ? null : raw is double number && double.IsFinite(number) ? number : throw new UnreadableException(Place, Numbers.NoReal);

    public override object? Write(string field, object? value) => value is null ? null : Numbers.Real(field, Values.Expect<double>(field, value), column);
}

internal sealed class NewBytes(string place, ColumnLayout column) : NewValue(place)
{
    public override object Read(object? raw) => raw ?? Array.Empty<byte>();

    public override object? Write(string field, object? value) =>
        column.MaxBytes == 0 || Values.Expect<byte[]>(field, value).Length <= column.MaxBytes
            ? value
            : throw new CannotHoldException(field, $"longer than the {column.MaxBytes} bytes of {Place}");
}
