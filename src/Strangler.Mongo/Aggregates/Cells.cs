using System.Globalization;
using Strangler.Mapping;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo.Aggregates;

/// <summary>
/// Between the raw value of a column and a field of a document. Written in one encoding, read in every one that has the same value:
/// <list type="bullet">
/// <item>null: the field is left out; read from a missing field and from null;</item>
/// <item>integers: int32 where the column's range fits, else int64; read from every numeric type that holds a whole number;</item>
/// <item>flags: bool, and nothing else, since a program that asks for <c>true</c> does not find 1;</item>
/// <item>texts: string; bytes: binary of any subtype that has no second length; real numbers: double, read from every number that a double holds exactly;</item>
/// <item>date and time (<c>2016-05-17 11:42:02</c>): a BSON date, read as UTC; a day (<c>2016-05-17</c>): a string, for it has no zone that could move it.</item>
/// </list>
/// What is of another type is a <see cref="MistypedValue"/>: the entity is unreadable then, and the run goes on.
/// </summary>
internal static class Cells
{
    private const string TimeFormat = "yyyy-MM-dd HH:mm:ss";
    private const string DayFormat = "yyyy-MM-dd";

    private static readonly object[] SmallIntegers = Enumerable.Range(-1, 1025).Select(i => (object)(long)i).ToArray();

    /// <summary>Missing for null.</summary>
    /// <exception cref="ArgumentException">A raw value that the column's type does not have.</exception>
    public static BsonValue Write(ColumnLayout column, object? value) => (column, value) switch
    {
        (_, null) => default,
        ({ Type: ColumnType.Integer, IsFlag: true }, 0L or 1L) => value is 1L,
        ({ Type: ColumnType.Integer, IsFlag: false }, long number) => IsSmall(column) ? BsonValue.FromInt32(checked((int)number)) : number,
        ({ Type: ColumnType.Text }, string text) => text,
        ({ Type: ColumnType.DateTime }, string time) => Time(column, time),
        ({ Type: ColumnType.Binary }, byte[] bytes) => new BsonBinary(bytes),
        ({ Type: ColumnType.Real }, double number) => number,
        _ => throw Refused(column, value is MistypedValue ? "what stands there" : "a value of another type"),
    };

    public static object? Read(ColumnLayout column, BsonValue value) => (column.Type, value.Type) switch
    {
        (_, BsonType.Missing or BsonType.Null) => null,
        (ColumnType.Integer, BsonType.Boolean) when column.IsFlag => Boxed(value.AsBoolean ? 1 : 0),
        (ColumnType.Integer, _) when !column.IsFlag && value.TryGetInt64(out var number) => Boxed(number),
        (ColumnType.Text, BsonType.String) => value.AsString,
        (ColumnType.DateTime, BsonType.String) => value.AsString,
        (ColumnType.DateTime, BsonType.DateTime) when value.TryGetDate(out var date) => Time(date),
        (ColumnType.Binary, BsonType.Binary) => value.AsBinary.Bytes.ToArray(),
        (ColumnType.Real, BsonType.Double) => value.AsDouble,
        (ColumnType.Real, _) when TryReal(value, out var number) => number,
        _ => new MistypedValue($"is of the type {value.Type}, and the mapping says {(column.IsFlag ? "flag" : column.Type)}"),
    };

    /// <summary>Whether its integers are written as int32.</summary>
    public static bool IsSmall(ColumnLayout column) => column is { MinValue: >= int.MinValue, MaxValue: <= int.MaxValue };

    private static BsonValue Time(ColumnLayout column, string text) =>
        DateTime.TryParseExact(
            text, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? BsonValue.FromDate(time)
            : DateOnly.TryParseExact(text, DayFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out _)
                ? text
                : throw Refused(column, "a time that is none");

    // With what lies below a second, if somebody has written it: no lens takes that for a time of ours, so that it is seen.
    private static string Time(DateTimeOffset date) =>
        date.UtcDateTime.ToString(date.Millisecond == 0 ? TimeFormat : TimeFormat + ".fff", CultureInfo.InvariantCulture);

    private static bool TryReal(BsonValue value, out double number)
    {
        number = value.TryGetInt64(out var whole) ? whole : double.NaN;
        return value.IsNumber && value.Equals(number, BsonComparison.NumericType);
    }

    private static ArgumentException Refused(ColumnLayout column, string what) =>
        new($"The field {column.Name} cannot hold {what}; nothing was written.", nameof(column));

    private static object Boxed(long value) => value is >= -1 and < 1024 ? SmallIntegers[value + 1] : value;
}
