using System.Collections.Frozen;

namespace Strangler.LegacyData;

/// <summary>The names of the states and oddities that generated rows show. Each occurs in every 2,000 rows.</summary>
public static class LegacyDonationKinds
{
    // What a row's columns say, whatever scene it comes from.
    private static readonly string[] _states =
    [
        "status-N", "status-Z", "status-X", "status-B", "status-P", "status-D", "status-E",
        "payment-BEZ", "payment-UEB", "payment-PPL", "payment-MCP", "payment-SUB", "payment-MBK", "payment-CSH",
        "interval-0", "interval-1", "interval-3", "interval-6", "interval-12",
        "donor-person", "donor-firma", "donor-email", "donor-anonym", "donor-unknown",
        "salutation-Herr", "salutation-Frau", "salutation-Divers", "salutation-nyan", "salutation-firma", "salutation-none",
        "exported", "not-exported", "receipt-yes", "receipt-no", "receipt-unknown", "newsletter-yes", "newsletter-no",
        "comment-public", "comment-private", "confirmation-sent", "transfer-code-old", "transfer-code-new", "paypal-parent", "paypal-child",
    ];

    /// <summary>Damaged rows; see <see cref="LegacyDonationOptions.IncludeUnreadable"/>.</summary>
    public static IReadOnlySet<string> Unreadable { get; } =
        UnreadableScenes.All.Select(scene => scene.Kind).Concat(["status-Y", "payment-XYZ", "donor-verein"]).ToFrozenSet();

    /// <summary>
    /// Rows whose <c>data</c> is NULL, empty or the word "Array": no base64, but the legacy programs read them as an empty array.
    /// </summary>
    public static IReadOnlySet<string> WithoutBlob { get; } = QuirkScenes.WithoutBlob.ToFrozenSet();

    /// <summary>Every kind, <see cref="Unreadable"/> included.</summary>
    public static IReadOnlySet<string> All { get; } =
        StateScenes.Common.Select(entry => entry.Scene.Kind)
            .Concat(StateScenes.Rare.Concat(QuirkScenes.All).Concat(FixtureScenes.All).Select(scene => scene.Kind))
            .Concat(_states)
            .Concat(Unreadable)
            .ToFrozenSet();
}
