using NUnit.Framework;
using Strangler.LegacyData;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>The laws, over rows with every state and oddity that the legacy tables may hold.</summary>
public sealed class GeneratedLawTests
{
    [TestCase(1, 22_000, 1)]
    [TestCase(2, 5_000, 4)]
    public async Task Every_generated_row_keeps_the_laws_or_is_unreadable_for_a_named_reason(int seed, int rows, int trials)
    {
        List<(long Id, bool Unreadable)> wrong = [];
        var kinds = new HashSet<string>();
        var result = await new MappingVerifier(DonationRows.Mapping, seed, trials).RunAsync(Stream(), null, CancellationToken.None);

        await TestContext.Out.WriteLineAsync(Describe(result));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Samples, Is.Empty);
            Assert.That(wrong, Is.Empty, "rows that are readable and should not be, or the reverse");
            Assert.That(result.RefusedByNew, Is.Empty);
            Assert.That(result.Rows, Is.EqualTo(rows));
            Assert.That(LegacyDonationKinds.All.Except(kinds), Is.Empty, "kinds that did not occur");
        }

        async IAsyncEnumerable<(long, AggregateRow)> Stream()
        {
            await Task.CompletedTask;
            foreach (var donation in DonationRows.Generate(rows, seed))
            {
                kinds.UnionWith(donation.Kinds);
                var row = DonationRows.Of(donation);
                var isUnreadable = IsUnreadable(row);
                if (isUnreadable != donation.IsUnreadable)
                {
                    wrong.Add((donation.Id, isUnreadable));
                }

                yield return (donation.Id, row);
            }
        }
    }

    [Test]
    public void A_generated_row_put_on_an_empty_place_shows_the_same_again()
    {
        List<string> refusals = [];
        foreach (var donation in DonationRows.Generate(2_500, 3).Where(donation => !donation.IsUnreadable))
        {
            var record = DonationRows.Of(donation).Get();
            try
            {
                Assert.That(DonationRows.Mapping.Legacy.Put(record, null).Get().AgreesWith(record));
            }
            catch (CannotHoldException exception)
            {
                refusals.Add($"{donation.Id} ({string.Join(' ', donation.Kinds)}): {exception.Message}");
            }
        }

        Assert.That(refusals, Is.Empty);
    }

    [Test]
    public void What_the_new_side_holds_can_rebuild_the_legacy_row_field_by_field()
    {
        var mapping = DonationRows.Mapping;
        foreach (var donation in DonationRows.Generate(2_500, 4).Where(donation => !donation.IsUnreadable))
        {
            var row = DonationRows.Of(donation);
            var there = mapping.New.Get(mapping.New.Put(row.Get(), null));
            Assert.That(mapping.Legacy.Put(there, row).SameAs(row), $"{donation.Id}: {string.Join(' ', donation.Kinds)}");
        }
    }

    private static bool IsUnreadable(AggregateRow row)
    {
        try
        {
            row.Get();
            return false;
        }
        catch (UnreadableException)
        {
            return true;
        }
    }

    private static string Describe(MappingVerification result) =>
        $"""
         {result.Rows} rows, {result.Readable} readable, {result.Violations} violations
         unreadable: {string.Join(", ", result.UnreadableBy)}
         hidden: {string.Join(", ", result.HiddenBy)}
         mirrors: {string.Join(", ", result.DisagreeingMirrors)}
         refused trials: {string.Join(", ", result.TrialsRefused)}
         """;
}
