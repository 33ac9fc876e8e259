namespace Strangler.Mapping.Converters;

/// <summary>
/// A time column of which any content is the mark, also a zero date: programs that ask <c>IS NULL</c> take a zero date for "it happened".
/// So the mark and
/// the time are two fields; the time of a zero date is unknown.
/// </summary>
internal sealed class MarkedTimeConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape =
        new([FieldType.Boolean, FieldType.Timestamp], [new ConverterPlace("time", Written: true)], []);

    private const string Zero = "0000-00-00 00:00:00";

    private static readonly object _true = true;
    private static readonly object _false = false;

    private readonly LegacyPlace _time = binding.Place("time");

    public override string Description =>
        $"{binding.Fields[0]} is true whenever {_time} is not NULL, also for a zero date; {binding.Fields[1]} is its time, none for a "
        + $"zero date. {binding.Fields[0]} without a time is written as a zero date.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        values[0] = _time.IsPresent(row) ? _true : _false;
        values[1] = _time.Timestamp(row);
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        switch ((bool)values[0]!, (DateTime?)values[1])
        {
            case (false, null):
                _time.Clear(row, binding.Fields[0]);
                break;
            case (false, _):
                throw new CannotHoldException(binding.Fields[1], $"legacy takes any time in {_time} for {binding.Fields[0]}");
            case (true, null):
                _time.SetText(row, binding.Fields[0], Zero);
                break;
            case (true, var time):
                _time.SetTimestamp(row, binding.Fields[1], time);
                break;
        }
    }
}
