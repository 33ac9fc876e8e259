using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Donations.Mapping;

/// <summary>
/// Legacy has no mark for "anonymized": what tells is a backup date beside nothing personal. So the two fields are read and written
/// together, and a donation that was anonymized without ever having been backed up gets a date that no backup can have.
/// </summary>
internal sealed class AnonymizedConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape = new(
        [FieldType.Boolean, FieldType.Timestamp],
        [
            new ConverterPlace("backup", Written: true),
            new ConverterPlace("created", Written: false),
            new ConverterPlace("donor-type", Written: false),
            new ConverterPlace("personal", Written: false, Many: true),
        ],
        []);

    // What the programs put into the column of the name for a donor without one.
    private const string NoName = "Anonym";
    private const string AnonymousDonor = "anonym";

    private static readonly object _true = true;
    private static readonly object _false = false;
    private static readonly Hidden _neverPersonal = new(false);

    private readonly LegacyPlace _backup = binding.Place("backup");
    private readonly LegacyPlace _created = binding.Place("created");
    private readonly LegacyPlace _donorType = binding.Place("donor-type");
    private readonly LegacyPlace[] _personal = [.. binding.Places("personal")];

    private string Flag => binding.Fields[0];

    private string Date => binding.Fields[1];

    public override string Description =>
        $"{Flag} is true when {_backup} is a date and no personal value is left ('{NoName}' is none); of an anonymous donor it is "
        + $"hidden, since nothing personal was ever there. {Date} is that date. To write {Flag} the personal values must be empty already: "
        + $"it refuses, and never blanks. Without a date of backup {_created} is written to {_backup}: a backup in the second of creation "
        + "cannot be, so that equality says anonymized, never backed up.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        var backup = _backup.Timestamp(row);
        if (backup is null || FindPersonal(row) is not null)
        {
            values[0] = _false;
            values[1] = backup;
            return;
        }

        values[0] = IsAnonymousDonor(row) ? _neverPersonal : _true;
        values[1] = backup == _created.Timestamp(row) ? null : backup;
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var isAnonymized = (bool)values[0]!;
        var backup = (DateTime?)values[1];
        var personal = FindPersonal(row);
        if (isAnonymized && personal is not null)
        {
            throw new CannotHoldException(Flag, $"{personal} still holds personal data");
        }

        if (personal is null && backup is not null)
        {
            CheckDate(row, isAnonymized, backup.Value);
        }

        _backup.SetTimestamp(row, Date, isAnonymized ? backup ?? Stamp(row) : backup);
    }

    private void CheckDate(LegacyCursor row, bool isAnonymized, DateTime backup)
    {
        if (!isAnonymized && !IsAnonymousDonor(row))
        {
            throw new CannotHoldException(Flag, "legacy takes a donation with a backup date and nothing personal for anonymized");
        }

        if (backup == _created.Timestamp(row))
        {
            throw new CannotHoldException(Date, "a backup in the second of creation stands for none in legacy");
        }
    }

    private DateTime Stamp(LegacyCursor row) =>
        _created.Timestamp(row) ?? throw new CannotHoldException(Flag, $"without {Date} legacy needs the time of creation");

    private LegacyPlace? FindPersonal(LegacyCursor row)
    {
        foreach (var place in _personal)
        {
            if (!place.IsEmpty(row) && !(place.TryText(row, out var text, out _) && text == NoName))
            {
                return place;
            }
        }

        return null;
    }

    private bool IsAnonymousDonor(LegacyCursor row) => _donorType.Text(row) == AnonymousDonor;
}
