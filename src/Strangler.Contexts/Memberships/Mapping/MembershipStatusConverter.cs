using System.Globalization;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Memberships.Mapping;

/// <summary>
/// One number for confirmation, cancellation, moderation and abortion, written by two generations of programs in two schemes that share
/// values. Which scheme
/// a row is in is told by declared evidence, and where there is none nothing is told.
/// </summary>
/// <remarks>
/// Scheme A, to April 2021, adds flags: deleted -1, moderated -2, aborted -4, cancelled -8, confirmed +1; it took every number but 0 for
/// confirmed, so with
/// each load and save confirmed was added once more: cancelled became -7, deleted 0, moderated -1 (then, by further saves, -8, -7, -2, -1,
/// 0, 1). Scheme B
/// numbers states: confirmed 1, neutral 0, cancelled -1, moderated -2, both -3; deleted is cancelled there. So:
/// <list type="bullet">
/// <item>1 and -3 mean the same in both. (A decay that has reached 1 left no trace: every program takes it for confirmed.)</item>
/// <item>-4 and below only A ever wrote: each is read as flags and as a sum, and what both readings say is so.</item>
/// <item>0, -1 and -2 are B's where B was certainly the last to write: the row was made since then, or a line of its log says that a state
/// was changed since
/// then. Else they are undecided: -2, say, is moderated, or cancelled, saved twice.</item>
/// </list>
/// </remarks>
internal sealed class MembershipStatusConverter : LegacyConverter
{
    public static readonly ConverterShape Shape = new(
        [FieldType.Boolean, FieldType.Boolean, FieldType.Boolean, FieldType.Boolean, FieldType.Code, FieldType.Integer],
        [
            new ConverterPlace("status", Written: true),
            new ConverterPlace("created", Written: false),
            new ConverterPlace("log", Written: false),
            new ConverterPlace("payment-type", Written: false),
            new ConverterPlace("payer", Written: false),
        ],
        ["numbered-since", "messages"]);

    public const string Decided = "decided";
    public const string Flags = "flags";
    public const string Undecided = "undecided";
    public const string Missing = "missing";

    private const int Confirmed = 0;
    private const int Cancelled = 1;
    private const int Moderated = 2;
    private const int Aborted = 3;
    private const int Evidence = 4;
    private const int Number = 5;
    private const string DirectDebit = "BEZ";

    private static readonly object _true = true;
    private static readonly object _false = false;
    private static readonly object _zero = 0L;
    private static readonly Hidden _unknown = new(_false);
    private static readonly Hidden _confirmed = new(_true);

    private readonly ConverterBinding _binding;
    private readonly LegacyPlace _status;
    private readonly LegacyPlace _created;
    private readonly LegacyPlace _log;
    private readonly LegacyPlace _paymentType;
    private readonly LegacyPlace _payer;
    private readonly DateTime _since;
    private readonly string[] _messages;

    public MembershipStatusConverter(ConverterBinding binding)
    {
        _binding = binding;
        _status = binding.Place("status");
        _created = binding.Place("created");
        _log = binding.Place("log");
        _paymentType = binding.Place("payment-type");
        _payer = binding.Place("payer");
        _since = DateTime.ParseExact(binding.Parameter("numbered-since"), LogTime, CultureInfo.InvariantCulture);
        _messages = binding.Parameter("messages").Split('|', StringSplitOptions.RemoveEmptyEntries);
    }

    private static string LogTime => "yyyy-MM-dd HH:mm:ss";

    public override string Description =>
        $"1 is confirmed and -3 cancelled and moderated, in either scheme. -4 to -15 are sums of the older scheme's flags ({Flags}): deleted (-1, read "
        + "as cancelled) and cancelled -8, moderated -2, aborted -4, and confirmed +1 where the sum came out of a save; what the two readings do not agree on is "
        + $"hidden. 0, -1 and -2 are neutral, cancelled and moderated where {_created} is {_since.ToString(LogTime, CultureInfo.InvariantCulture)} or "
        + $"later, or {_log} has a line since then that begins with: {string.Join(", ", _messages)} (all that: {Decided}). Where neither is so, nothing is told: {_binding.Fields[Evidence]} "
        + $"is {Undecided}, {_binding.Fields[Number]} is the number, all else is hidden. NULL is {Missing}. Confirmation is hidden by every negative number, and derived: "
        + $"direct debit is confirmed, PayPal when it has a payer. Written: -3, -2 moderated, -1 cancelled, 1 confirmed, 0; an older flag only where the row has it.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        values[Number] = _zero;
        if (!_status.IsPresent(row))
        {
            Hide(values, Missing);
            return;
        }

        var number = _status.TryInteger(row, out var read, out var reason) ? read : throw new UnreadableException(_status.Name, reason);
        if (number is < -15 or > 1)
        {
            throw _status.UnknownCode(row);
        }

        if (number <= -4)
        {
            ReadFlags(row, number, values);
        }
        else if (number is 1 or -3 || IsNumbered(row))
        {
            ReadState(row, number, values);
        }
        else
        {
            Hide(values, Undecided);
            values[Number] = number;
        }
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        if ((string)values[Evidence]! == Undecided && (long)values[Number]! is < -2 or > 0)
        {
            throw new CannotHoldException(_binding.Fields[Number], "only 0, -1 and -2 can be undecided");
        }

        if ((string)values[Evidence]! == Missing)
        {
            _status.Clear(row, _binding.Fields[Evidence]);
        }
        else
        {
            _status.FillInteger(row, _binding.Fields[Evidence], NumberOf(values));
        }

        CheckShown(row, values);
    }

    private void ReadState(LegacyCursor row, long number, Span<object?> values)
    {
        values[Cancelled] = number is -1 or -3 ? _true : _false;
        values[Moderated] = number is -2 or -3 ? _true : _false;
        values[Aborted] = _false;
        values[Confirmed] = number < 0 ? Derived(row) : number == 1 ? _true : _false;
        values[Evidence] = Decided;
    }

    // As flags, and as what the arithmetic of a save makes of a confirmed one.
    private void ReadFlags(LegacyCursor row, long number, Span<object?> values)
    {
        var (flags, sums) = ((int)-number, Sums((int)number));
        values[Cancelled] = Agreed((flags & 9) != 0, sums, sum => (sum & 9) != 0);
        values[Moderated] = Agreed((flags & 2) != 0, sums, sum => (sum & 2) != 0);
        values[Aborted] = Agreed((flags & 4) != 0, sums, _ => false);
        values[Confirmed] = Derived(row);
        values[Evidence] = Flags;
    }

    // The sets of flags (1 deleted, 2 moderated, 8 cancelled) that a save adds up to the number, confirmed or not. It never wrote an
    // aborted one.
    private static int[] Sums(int number) => [.. new[] { 0, 1, 2, 3, 8, 9, 10, 11 }.Where(flags => -flags == number || 1 - flags == number)];

    private static object Agreed(bool asFlags, int[] sums, Func<int, bool> has) =>
        Array.TrueForAll(sums, sum => has(sum) == asFlags) ? (asFlags ? _true : _false) : _unknown;

    private static void Hide(Span<object?> values, string evidence)
    {
        values[..Evidence].Fill(_unknown);
        values[Evidence] = evidence;
    }

    private bool IsNumbered(LegacyCursor row)
    {
        if (_created.Timestamp(row) >= _since)
        {
            return true;
        }

        foreach (var (time, message) in _log.Entries(row))
        {
            if (DateTime.TryParseExact(time, LogTime, CultureInfo.InvariantCulture, DateTimeStyles.None, out var at) && at >= _since
                && Array.Exists(_messages, known => message.StartsWith(known, StringComparison.Ordinal)))
            {
                return true;
            }
        }

        return false;
    }

    private Hidden Derived(LegacyCursor row) =>
        string.Equals(_paymentType.Text(row), DirectDebit, StringComparison.Ordinal) || !_payer.IsEmpty(row) ? _confirmed : _unknown;

    private static long NumberOf(ReadOnlySpan<object?> values)
    {
        var (confirmed, cancelled, moderated, aborted) =
            ((bool)values[Confirmed]!, (bool)values[Cancelled]!, (bool)values[Moderated]!, (bool)values[Aborted]!);
        return (string)values[Evidence]! switch
        {
            Undecided => (long)values[Number]!,
            Flags => -((cancelled ? 8 : 0) + (moderated ? 2 : 0) + (aborted ? 4 : 0)),
            _ => (cancelled, moderated) switch { (true, true) => -3, (false, true) => -2, (true, false) => -1, _ => confirmed ? 1 : 0 },
        };
    }

    // The number may say something else in this row than it was meant to.
    private void CheckShown(LegacyCursor row, ReadOnlySpan<object?> wanted)
    {
        var shown = new object?[wanted.Length];
        Read(row, shown);
        for (var i = 0; i < shown.Length; i++)
        {
            if (shown[i] is not Hidden && !Record.ValuesEqual(shown[i], wanted[i]))
            {
                throw new CannotHoldException(_binding.Fields[i], (string)shown[Evidence]! == Undecided
                    ? $"legacy would not tell which scheme the number is in: {_created} is older, and {_log} has no line of a change since"
                    : "legacy has no number for that together with the rest of the status");
            }
        }
    }
}
