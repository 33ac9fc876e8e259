using NUnit.Framework;
using Strangler.Capture;
using Strangler.Mapping;

namespace Strangler.Tests.Capture;

/// <summary>Who else writes, from single sums, and who answers for whom.</summary>
public sealed class CensusRulesTests
{
    private static readonly DateTime Noon = new(2026, 11, 21, 12, 0, 0, DateTimeKind.Utc);

    [TestCase("foc", "foc@10.0.3.7", true)]
    [TestCase("foc", "focus@10.0.3.7", false)]
    [TestCase("foc", "foc@", true)]
    [TestCase("foc@10.0.*", "foc@10.0.3.7", true)]
    [TestCase("foc@10.0.*", "foc@10.1.3.7", false)]
    [TestCase("*@10.0.3.7", "export@10.0.3.7", true)]
    [TestCase("*", "anyone@anywhere", true)]
    [TestCase("a*b*c@*", "aXbYc@h", true)]
    [TestCase("a*b*c@*", "acb@h", false)]
    [TestCase("ab*b@h", "ab@h", false)]
    [TestCase("foc@10.0.3.7", "foc@10.0.3.70", false)]
    public void A_declaration_covers_whom_it_names(string pattern, string writer, bool covers)
    {
        var declared = new DeclaredWriter(pattern, "finance", "until the export has moved", new DateOnly(2026, 11, 21));
        Assert.That(declared.Covers(writer, new DateOnly(2026, 11, 21)), Is.EqualTo(covers));
        Assert.That(declared.Covers(writer, new DateOnly(2026, 11, 22)), Is.False, "it has an end");
    }

    [Test]
    public void Sums_of_days_columns_and_events_come_together_by_writer()
    {
        CensusEntry[] entries =
        [
            Entry("foc@h", "spenden", "UPDATE", "", 5, 0), Entry("foc@h", "spenden", "UPDATE", "status", 5, 0), Entry("foc@h", "spenden", "UPDATE", "dt_del", 2, 0),
            Entry("foc@h", "spenden", "UPDATE", "", 3, 24), Entry("foc@h", "spenden", "UPDATE", "dt_del", 3, 24),
            Entry("foc@h", "donation_payment", "DELETE", "", 1, 30), Entry("export@h", "spenden", "UPDATE", "", 9, 1),
        ];
        DeclaredWriter[] declared =
        [
            new("export", "finance", "reason", new DateOnly(2027, 1, 1)), new("foc@*", "fundraising", "reason", new DateOnly(2026, 11, 1)),
        ];
        var writers = CensusRules.Group(entries, declared, Noon);
        Assert.That(writers.Select(writer => writer.User), Is.EqualTo(new[] { "foc@h", "export@h" }), "the latest first");
        Assert.That((writers[1].Owner?.Owner, writers[1].Expired), Is.EqualTo(("finance", (DeclaredWriter?)null)));
        var foc = writers[0];
        Assert.That((foc.Owner, foc.Expired?.Owner, foc.Writes), Is.EqualTo(((DeclaredWriter?)null, "fundraising", 9L)));
        Assert.That((foc.FirstUtc, foc.LastUtc), Is.EqualTo((Noon.AddHours(-30), Noon)));
        var spenden = foc.Tables.Single(table => table.Table == "spenden");
        Assert.That(spenden.Writes, Is.EqualTo(new Dictionary<string, long> { ["UPDATE"] = 8 }));
        Assert.That(spenden.Columns.Select(column => (column.Key, column.Value)), Is.EqualTo(new[] { ("dt_del", 5L), ("status", 5L) }));
        Assert.That(CensusRules.Describe(foc), Is.EqualTo("foc@h: donation_payment, spenden, 9 statements, last 2026-11-21 12:00 UTC"));
    }

    private static CensusEntry Entry(string user, string table, string on, string column, long writes, int hoursAgo) =>
        new(user, "", table, on, column, writes, Noon.AddHours(-hoursAgo), Noon.AddHours(-hoursAgo));
}
