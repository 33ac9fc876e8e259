using System.Collections.Frozen;

namespace Strangler.LegacyData;

/// <summary>One row of <c>spenden</c> as it is stored, and what belongs to it in the companion tables.</summary>
public sealed class LegacyDonation
{
    private static readonly FrozenDictionary<string, int> _positions =
        ColumnNames.Select((name, at) => (name, at)).ToFrozenDictionary(x => x.name, x => x.at);

    private readonly object?[] _values;

    internal LegacyDonation(object?[] values, IReadOnlyList<string> kinds, LegacySofortPayment? payment, bool isConfirmationSent)
    {
        _values = values;
        Kinds = kinds;
        Payment = payment;
        IsConfirmationSent = isConfirmationSent;
    }

    /// <summary>The columns of <c>spenden</c>, in the order of the table.</summary>
    public static IReadOnlyList<string> ColumnNames => Columns.All;

    public int Id => (int)_values[0]!;

    /// <summary>
    /// Raw values in the order of <see cref="ColumnNames"/>: null, int or string. Dates are strings, because
    /// "0000-00-00 00:00:00" is no date anywhere else.
    /// </summary>
    public IReadOnlyList<object?> Values => _values;

    /// <summary>Which states and oddities the row shows: names out of <see cref="LegacyDonationKinds.All"/>.</summary>
    public IReadOnlyList<string> Kinds { get; }

    /// <summary>Whether the row is damaged on purpose, so that no reader can make sense of it.</summary>
    public bool IsUnreadable => Kinds.Any(LegacyDonationKinds.Unreadable.Contains);

    /// <summary>The rows in <c>donation_payment</c> and <c>donation_payment_sofort</c>; null for most.</summary>
    public LegacySofortPayment? Payment { get; }

    /// <summary>Whether <c>donation_notification_log</c> names the donation.</summary>
    public bool IsConfirmationSent { get; }

    public object? this[string column] => _values[_positions[column]];

    internal static int PositionOf(string column) => _positions[column];
}

/// <summary>A Sofort payment; without a time it was never confirmed by the provider.</summary>
public sealed record LegacySofortPayment(int Id, string? ConfirmedAt);

internal static class Columns
{
    public static readonly string[] All =
    [
        "id", "status", "name", "ort", "email", "info", "bescheinigung", "eintrag", "betrag", "periode", "zahlweise", "kommentar",
        "ueb_code", "data", "source", "remote_addr", "hash", "is_public", "dt_new", "dt_del", "dt_exp", "dt_gruen", "dt_backup",
        "payment_id",
    ];
}
