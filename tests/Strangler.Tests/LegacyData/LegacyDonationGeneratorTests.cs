using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Strangler.LegacyData;
using Strangler.Mapping.Php;

namespace Strangler.Tests.LegacyData;

[TestFixture]
public sealed partial class LegacyDonationGeneratorTests
{
    [Test]
    public void The_same_seed_gives_the_same_rows_and_another_seed_others()
    {
        var rows = Describe(Rows(700, seed: 7));
        var again = Describe(Rows(700, seed: 7));
        Assert.That(again, Is.EqualTo(rows));
        Assert.That(Describe(Rows(700, seed: 8)), Is.Not.EqualTo(rows));
    }

    [Test]
    public void Every_kind_occurs_within_2000_rows([Values(1, 2, 3)] int seed)
    {
        var kinds = Rows(2000, seed).SelectMany(row => row.Kinds).ToHashSet();
        Assert.That(LegacyDonationKinds.All.Except(kinds), Is.Empty, "declared, but missing");
        Assert.That(kinds.Except(LegacyDonationKinds.All), Is.Empty, "there, but not declared");
    }

    [Test]
    public void Every_readable_kind_occurs_three_times_within_20000_rows_and_most_rows_are_plain()
    {
        var rows = Rows(20_000);
        var counts = rows.SelectMany(row => row.Kinds).CountBy(kind => kind).ToDictionary();
        Assert.That(LegacyDonationKinds.All.Except(LegacyDonationKinds.Unreadable).Where(kind => counts[kind] < 3), Is.Empty);
        Assert.That(rows.Count(row => row.IsUnreadable), Is.InRange(8, 20));
        Assert.That(counts["status-N"] + counts["status-Z"] + counts["status-B"], Is.GreaterThan(17_000));
    }

    [TestCase(1)]
    [TestCase(37)]
    [TestCase(2000)]
    [TestCase(5001)]
    public void Exactly_as_many_rows_as_asked_for_with_growing_ids_and_gaps(int count)
    {
        var rows = Rows(count, firstId: 4000);
        var ids = rows.Select(row => row.Id).ToList();
        Assert.That(rows, Has.Count.EqualTo(count));
        Assert.That(ids, Is.Ordered.And.Unique);
        Assert.That(ids[0], Is.GreaterThanOrEqualTo(4000));
        Assert.That(count < 100 || ids[^1] - ids[0] > count, Is.True);
        Assert.That(rows.Where(row => row.Payment is not null).Select(row => row.Payment!.Id), Is.Unique);
    }

    [Test]
    public void Unreadable_rows_can_be_left_out() =>
        Assert.That(new LegacyDonationGenerator(new LegacyDonationOptions { Rows = 2000, IncludeUnreadable = false }).Generate()
            .Any(row => row.IsUnreadable), Is.False);

    [Test]
    public void Readable_blobs_decode_and_encode_back_letter_for_letter()
    {
        foreach (var row in Rows(6000).Where(row => !row.IsUnreadable && !row.Kinds.Any(LegacyDonationKinds.WithoutBlob.Contains)))
        {
            var text = (string)row["data"]!;
            var blob = PhpBlob.Decode(text);
            Assert.That(blob.IsReadable && blob.IsCanonical, Is.True, string.Join(' ', row.Kinds));
            Assert.That(PhpBlob.Encode(blob.Array!), Is.EqualTo(text));
        }
    }

    [Test]
    public void Unreadable_blobs_do_not_decode()
    {
        foreach (var row in Rows(2000).Where(row => row.Kinds.Any(kind => kind.StartsWith("unreadable-blob", StringComparison.Ordinal))))
        {
            Assert.That(PhpBlob.Decode((string)row["data"]!).IsReadable, Is.False, string.Join(' ', row.Kinds));
        }
    }

    [Test]
    public void Every_value_fits_its_column()
    {
        foreach (var row in Rows(6000))
        {
            for (var at = 0; at < LegacyDonation.ColumnNames.Count; at++)
            {
                var limit = LegacyDonation.ColumnNames[at] switch
                {
                    "status" => 1,
                    "zahlweise" => 3,
                    "ueb_code" => 32,
                    "kommentar" or "data" => 65_535,
                    _ => 250,
                };
                var text = Convert.ToString(row.Values[at], CultureInfo.InvariantCulture)!;
                Assert.That(limit == 65_535 ? Encoding.UTF8.GetByteCount(text) : text.Length, Is.LessThanOrEqualTo(limit));
                Assert.That(text.EnumerateRunes().All(rune => rune.Utf8SequenceLength <= 3), Is.True,
                    "utf8 of the legacy tables has three bytes");
            }
        }
    }

    [Test]
    public void Children_of_recurring_payments_exist()
    {
        var rows = Rows(2003);
        var ids = rows.Select(row => (long)row.Id).ToHashSet();
        var parents = rows.Where(row => row.Kinds.Contains("paypal-parent")).ToList();
        Assert.That(parents, Is.Not.Empty);
        foreach (var parent in parents)
        {
            PhpBlob.Decode((string)parent["data"]!).Array!.TryGet("transactionIds", out var children);
            Assert.That(((PhpArray)children!).Count, Is.EqualTo(3));
            Assert.That(((PhpArray)children).All(child => ids.Contains(((PhpInt)child.Value).Value)), Is.True);
            Assert.That(((PhpArray)children).Any(child => child.Key.IsInt), Is.True);
        }
    }

    [Test]
    public void Transfer_codes_have_the_right_checksum()
    {
        Assert.That(LegacyTransferCode.Checksum("XWA3DEFT"), Is.EqualTo('Z'));
        // The code of the published Sofort example, XW-DAR-E99-X, was made up by hand.
        var rows = Rows(2000).Where(row => row.Kinds.Contains("transfer-code-new") && (string)row["ueb_code"]! != "XW-DAR-E99-X");
        foreach (var code in rows.Select(row => ((string)row["ueb_code"]!).Trim()))
        {
            Assert.That(code, Does.Match(NewCode()));
            Assert.That(LegacyTransferCode.Checksum(code[..2] + code[3..6] + code[7..10]), Is.EqualTo(code[^1]));
        }
    }

    [GeneratedRegex("^X[WR]-[ACDEFKLMNPRTWXYZ349]{3}-[ACDEFKLMNPRTWXYZ349]{3}-[ACDEFKLMNPRTWXYZ349]$")]
    private static partial Regex NewCode();

    private static List<LegacyDonation> Rows(int count, int seed = 1, int firstId = 1) =>
        [.. new LegacyDonationGenerator(new LegacyDonationOptions { Rows = count, Seed = seed, FirstId = firstId }).Generate()];

    private static string Describe(IEnumerable<LegacyDonation> rows) =>
        string.Join('\n', rows.Select(row =>
            string.Join('|', row.Values) + string.Join(' ', row.Kinds) + row.Payment + row.IsConfirmationSent));
}
