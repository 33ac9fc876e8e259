using Strangler.Mapping.Lenses;

namespace Strangler.Mapping.Compiling;

/// <summary>Which format goes with which type.</summary>
internal static class Formats
{
    private const string Flag = "flag";
    private const string StrictFlag = "strict-flag";
    private const string Number = "number";
    private const string Euro = "euro";
    private const string EuroWithPoint = "euro-with-point";
    private const string WholeEuros = "whole-euros";
    private const string Cents = "cents";
    private const string PlainText = "text";
    private const string Codes = "codes";
    private const string Time = "Y-m-d H:i:s";
    private const string Day = "Y-m-d";
    private const string Float = "float";
    private const string NumberOrNone = "number-or-none";

    private static readonly ColumnType[] _integers = [ColumnType.Integer];
    private static readonly ColumnType[] _texts = [ColumnType.Text];
    private static readonly ColumnType[] _textsAndIntegers = [ColumnType.Text, ColumnType.Integer];
    private static readonly ColumnType[] _reals = [ColumnType.Real];
    private static readonly ColumnType[] _times = [ColumnType.DateTime, ColumnType.Text];

    public static string[] AllowedFor(FieldType type) => type switch
    {
        FieldType.Boolean => [Flag, StrictFlag],
        FieldType.Integer => [Number],
        FieldType.Money => [Euro, EuroWithPoint, WholeEuros, Cents],
        FieldType.Text => [PlainText],
        FieldType.Code => [Codes],
        FieldType.Timestamp => [Time],
        FieldType.Date => [Day],
        FieldType.Real => [Float],
        FieldType.Count => [NumberOrNone],
        _ => [],
    };

    /// <summary>The field's format; when it names none, the only one of its type, of booleans the plain flag; null when it does not
    /// fit.</summary>
    public static string? Of(FieldDeclaration field)
    {
        var allowed = AllowedFor(field.Type!.Value);
        return field.Format is null ? (allowed.Length == 1 || field.Type == FieldType.Boolean ? allowed[0] : null)
            : Array.Find(allowed, format => format == field.Format);
    }

    public static ColumnType[] ColumnTypesOf(string format) => format switch
    {
        Flag or StrictFlag or Number or NumberOrNone or WholeEuros or Cents => _integers,
        Euro or EuroWithPoint or PlainText => _texts,
        Codes => _textsAndIntegers,
        Float => _reals,
        _ => _times,
    };

    public static ColumnType NewTypeOf(FieldType type) => type switch
    {
        FieldType.Text or FieldType.Code => ColumnType.Text,
        FieldType.Timestamp or FieldType.Date => ColumnType.DateTime,
        FieldType.Bytes => ColumnType.Binary,
        FieldType.Real => ColumnType.Real,
        _ => ColumnType.Integer,
    };

    public static ValueFormat Create(FieldDeclaration field, CodesDeclaration? codes) => Of(field) switch
    {
        Flag => new FlagFormat(onlyOne: false),
        StrictFlag => new FlagFormat(onlyOne: true),
        Number or Cents => new IntegerFormat(),
        WholeEuros => new WholeEurosFormat(),
        Euro => new EuroFormat(needsPoint: false),
        EuroWithPoint => new EuroFormat(needsPoint: true),
        Codes => new CodeFormat([.. codes!.Codes.Select(code => code.Legacy)], [.. codes.Codes.Select(code => code.English)]),
        Time => new TimestampFormat(field.NothingUntil),
        Day => new DateFormat(),
        Float => new RealFormat(),
        NumberOrNone => new CountFormat(),
        _ => new TextFormat(),
    };
}
