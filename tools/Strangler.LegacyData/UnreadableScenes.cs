using System.Text;
using Strangler.Mapping.Php;

namespace Strangler.LegacyData;

/// <summary>Rows that nobody can read without guessing.</summary>
internal static class UnreadableScenes
{
    private const int LongestText = 65_535;

    public static readonly Scene[] All =
    [
        Scene.One("unreadable-blob-cut", m => Cut(m.DirectDebit(at: m.Between(2014, 2019)))),
        Scene.One("unreadable-blob-not-base64", m => m.DirectDebit().RawData("*** verloren gegangen ***")),
        Scene.One("unreadable-blob-not-php", m => m.DirectDebit().RawData(Encode("<html>502 Bad Gateway</html>"))),
        Scene.One("unreadable-blob-no-array", m => m.DirectDebit().RawData(PhpBlob.Encode(PhpString.Of("Array")))),
        Scene.One("unreadable-blob-object", m => m.DirectDebit().RawData(Encode("O:8:\"stdClass\":1:{s:9:\"adresstyp\";s:6:\"person\";}"))),
        Scene.One("unreadable-status", m => m.DirectDebit().With("status", "Y")),
        Scene.One("unreadable-payment-type", m => m.BankTransfer().With("zahlweise", "XYZ")),
        Scene.One("unreadable-donor-type", m => Typed(m.BankTransfer(), "verein")),
        Scene.One("unreadable-amount-comma", m => m.DirectDebit().With("betrag", "12,50")),
        Scene.One("unreadable-date", m => m.DirectDebit(at: m.Between(2012, 2014)).With("dt_gruen", "2015-02-30 12:00:00")),
    ];

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    // A log that grew past the column, on a server that cut it silently.
    private static Draft Cut(Draft draft)
    {
        for (var i = 0; i < 900; i++)
        {
            draft.Log(draft.Created.AddMinutes(i * 61), "Comment set to private by user: admin");
        }

        return draft.RawData(PhpBlob.Encode(draft.Blob)[..LongestText]);
    }

    private static Draft Typed(Draft draft, string donorType)
    {
        draft.DonorType = donorType;
        return draft.Put("adresstyp", donorType);
    }
}
