using System.Globalization;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Common.Payments.Mapping;

/// <summary>
/// Which record a later payment of a recurring one follows. Nothing but a line of its log says so: no column does, and the parent's own list of
/// transactions stands in another row.
/// </summary>
/// <remarks>
/// Lines may be lost, since a log has room for one a second; then the record names no parent, and nothing is made up. What the other end says
/// is compared by <c>strangler mapping findings</c>, which reads both.
/// </remarks>
internal sealed class FollowUpParentConverter : LegacyConverter
{
    public static readonly ConverterShape Shape = new(
        [FieldType.Integer, FieldType.Code],
        [new ConverterPlace("payment-type", Written: false), new ConverterPlace("log", Written: false)],
        ["recurring-type", "messages"]);

    public const string None = "none";
    public const string Named = "named";
    public const string Ambiguous = "ambiguous";

    private static readonly object _zero = 0L;
    private static readonly Hidden _unknown = new(_zero);

    private readonly ConverterBinding _binding;
    private readonly LegacyPlace _paymentType;
    private readonly LegacyPlace _log;
    private readonly string _type;
    private readonly string[] _messages;

    public FollowUpParentConverter(ConverterBinding binding)
    {
        _binding = binding;
        _paymentType = binding.Place("payment-type");
        _log = binding.Place("log");
        _type = binding.Parameter("recurring-type");
        _messages = binding.Parameter("messages").Split('|', StringSplitOptions.RemoveEmptyEntries);
    }

    public override string Description =>
        $"{_binding.Fields[0]} is the number behind a line of {_log} that begins with: {string.Join(", ", _messages.Select(message => $"'{message}'"))} ({Named}), where "
        + $"{_paymentType} is {_type}; 0 where there is no such line ({None}). Of lines that name several, or of one that names no number, nothing is told ({Ambiguous}): "
        + $"{_binding.Fields[0]} is hidden. Written only together with such a line.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        var parents = ParentsOf(row);
        values[0] = parents switch { [] => _zero, [> 0 and var parent] => parent, _ => _unknown };
        values[1] = parents switch { [] => None, [> 0] => Named, _ => Ambiguous };
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var shown = new object?[2];
        Read(row, shown);
        for (var i = 0; i < shown.Length; i++)
        {
            if (shown[i] is not Hidden && !Record.ValuesEqual(shown[i], values[i]))
            {
                throw new CannotHoldException(
                    _binding.Fields[i], $"legacy tells it by nothing but the lines of {_log} (of the payment type {_type}), and those say: {shown[1]}");
            }
        }
    }

    // Different ones, in their order; 0 for a line of which no id can be made.
    private List<long> ParentsOf(LegacyCursor row)
    {
        List<long> parents = [];
        if (!string.Equals(_paymentType.Text(row), _type, StringComparison.Ordinal))
        {
            return parents;
        }

        foreach (var (_, message) in _log.Entries(row))
        {
            var start = Array.Find(_messages, known => message.StartsWith(known, StringComparison.Ordinal));
            if (start is not null && IdOf(message.AsSpan(start.Length)) is var id && !parents.Contains(id))
            {
                parents.Add(id);
            }
        }

        return parents;
    }

    private static long IdOf(ReadOnlySpan<char> text) => long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0;
}
