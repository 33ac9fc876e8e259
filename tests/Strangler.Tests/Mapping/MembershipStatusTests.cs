using NUnit.Framework;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>Two schemes of one number (Case53): what each number means, where that can be told, and what happens to a row of which it cannot.</summary>
[Category("Case53")]
public sealed class MembershipStatusTests
{
    private const string Early = "2018-05-17 11:42:02";
    private const string Late = "2022-05-17 11:42:02";
    private const string CancelledBy = "cancelled by user: foc";

    // ? is hidden. Confirmation is what a direct debit is derived to, but where the number says it.
    [TestCase(Late, 1, "yes no no no decided 0")]
    [TestCase(Late, 0, "no no no no decided 0")]
    [TestCase(Late, -1, "? yes no no decided 0")]
    [TestCase(Late, -2, "? no yes no decided 0")]
    [TestCase(Late, -3, "? yes yes no decided 0")]
    [TestCase(Early, 1, "yes no no no decided 0")]
    [TestCase(Early, 0, "? ? ? ? undecided 0")]
    [TestCase(Early, -1, "? ? ? ? undecided -1")]
    [TestCase(Early, -2, "? ? ? ? undecided -2")]
    [TestCase(Early, -3, "? yes yes no decided 0")]
    [TestCase(Early, null, "? ? ? ? missing 0")]
    [TestCase(Late, null, "? ? ? ? missing 0")]

    // What only the older scheme ever wrote is its flags whenever the row was made: as flags, and as the sum that a save made of a confirmed one.
    [TestCase(Early, -4, "? no no yes flags 0")]
    [TestCase(Early, -5, "? yes no yes flags 0")]
    [TestCase(Early, -6, "? no yes yes flags 0")]
    [TestCase(Early, -7, "? yes ? ? flags 0", TestName = "-7: cancelled and saved once, or deleted, moderated and aborted")]
    [TestCase(Early, -8, "? yes no no flags 0")]
    [TestCase(Early, -9, "? yes ? no flags 0", TestName = "-9: cancelled and deleted, or cancelled and moderated and saved once")]
    [TestCase(Early, -10, "? yes yes no flags 0")]
    [TestCase(Early, -11, "? yes yes no flags 0")]
    [TestCase(Early, -12, "? yes no yes flags 0")]
    [TestCase(Early, -13, "? yes no yes flags 0")]
    [TestCase(Early, -14, "? yes yes yes flags 0")]
    [TestCase(Early, -15, "? yes yes yes flags 0")]
    [TestCase(Late, -7, "? yes ? ? flags 0")]
    [TestCase(Late, -12, "? yes no yes flags 0")]
    public void Each_number_says_what_it_says_and_no_more(string created, int? status, string expected) =>
        Assert.That(StatusOf(MembershipRows.Row(("timestamp", created), ("status", status))), Is.EqualTo(expected));

    [TestCase("2021-04-26 23:59:59", "undecided")]
    [TestCase("2021-04-27 00:00:00", "decided")]
    [TestCase("0000-00-00 00:00:00", "undecided")]
    public void The_day_of_the_change_is_evidence_from_its_first_second(string created, string evidence) =>
        Assert.That(MembershipRows.Get(MembershipRows.Row(("timestamp", created), ("status", -1)))["status_evidence"], Is.EqualTo(evidence));

    [TestCase("2022-01-01 00:00:00", "cancelled by user: foc", "decided")]
    [TestCase("2022-01-01 00:00:00", "marked as approved by user: x", "decided")]
    [TestCase("2022-01-01 00:00:00", "letter sent", "undecided", TestName = "A line that changed no state is no evidence")]
    [TestCase("2019-01-01 00:00:00", "cancelled by user: foc", "undecided", TestName = "An older line is no evidence")]
    [TestCase("2022-01-01", "cancelled by user: foc", "undecided", TestName = "A line without a time is no evidence")]
    public void So_is_a_line_of_the_log_that_changed_a_state_since(string time, string message, string evidence) =>
        Assert.That(
            MembershipRows.Get(MembershipRows.Row(("timestamp", Early), ("status", -1), ("data", MembershipRows.Log(time, message))))["status_evidence"],
            Is.EqualTo(evidence));

    [TestCase(2)]
    [TestCase(-16)]
    [TestCase(32_767)]
    [TestCase(-32_768)]
    public void Any_other_number_is_unreadable(int status) => Assert.That(
        () => MembershipRows.Get(MembershipRows.Row(("status", status))),
        Throws.TypeOf<UnreadableException>().With.Property(nameof(UnreadableException.Place)).EqualTo("request.status"));

    // Q2, Q3: nothing else of an undecided row keeps it from being changed, and the number stays.
    [TestCase(Early, -1)]
    [TestCase(Early, -2)]
    [TestCase(Early, 0)]
    [TestCase(Early, null)]
    [TestCase(Early, -7)]
    [TestCase(Early, -12)]
    [TestCase(Late, -9)]
    public void A_row_that_cannot_be_decided_stays_as_it_is_whatever_else_changes(string created, int? status)
    {
        var row = MembershipRows.Row(("timestamp", created), ("status", status));
        var changed = MembershipRows.Put(row, ("applicant.city", "Köln"), ("fee", 30_000L));
        Assert.That(MembershipRows.ColumnOf(changed, "status"), Is.EqualTo((long?)status));
        Assert.That(MembershipRows.ColumnOf(MembershipRows.Mapping.Legacy.Put(MembershipRows.Get(row), null), "status"), Is.EqualTo(status switch
        {
            // Into an empty row goes what the record says: of -7 that is cancelled and nothing more, so the flag alone.
            -7 or -9 => -8L,
            _ => (long?)status,
        }));
    }

    [TestCase(true, false, false, 1L)]
    [TestCase(false, false, false, 0L)]
    [TestCase(true, true, false, -1L)]
    [TestCase(true, false, true, -2L)]
    [TestCase(true, true, true, -3L)]
    public void Decided_it_is_written_in_the_later_scheme(bool confirmed, bool cancelled, bool moderated, long status)
    {
        foreach (var was in new int?[] { 1, 0, -1, -2, -3, -7, -12, null })
        {
            var row = MembershipRows.Row(("timestamp", Late), ("status", was));
            var changed = MembershipRows.Put(
                row, ("is_confirmed", confirmed), ("is_cancelled", cancelled), ("is_moderated", moderated), ("is_aborted", false), ("status_evidence", "decided"),
                ("undecided_status", 0L));
            Assert.That(MembershipRows.ColumnOf(changed, "status"), Is.EqualTo(status), $"was {was}");
        }
    }

    [Test]
    public void An_old_row_takes_a_decision_only_together_with_its_evidence()
    {
        var row = MembershipRows.Row(("timestamp", Early), ("status", -2));
        (string, object?)[] decision =
        [
            ("is_confirmed", true), ("is_cancelled", true), ("is_moderated", false), ("is_aborted", false), ("status_evidence", "decided"), ("undecided_status", 0L),
        ];
        var refused = Assert.Throws<CannotHoldException>(() => MembershipRows.Put(row, decision))!;
        Assert.That(refused.Message, Does.StartWith("status_evidence: legacy would not tell which scheme the number is in"));
        var line = new RecordList([[new DateTime(2022, 6, 1, 12, 0, 0), CancelledBy]]);
        var decided = MembershipRows.Put(row, [.. decision, ("log_entries", line)]);
        Assert.That(StatusOf(decided), Is.EqualTo("? yes no no decided 0"));
        Assert.That(MembershipRows.ColumnOf(decided, "status"), Is.EqualTo(-1L));
    }

    [TestCase("undecided_status", 5L, "undecided", "only 0, -1 and -2")]
    [TestCase("undecided_status", 5L, "decided", "no number for that")]
    [TestCase("is_aborted", true, "decided", "no number for that")]
    public void A_status_that_no_number_says_is_refused_by_name(string field, object value, string evidence, string reason)
    {
        var refused = Assert.Throws<CannotHoldException>(
            () => MembershipRows.Put(MembershipRows.Row(("status", 0)), (field, value), ("status_evidence", evidence)))!;
        Assert.That((refused.Field, refused.Reason), Is.EqualTo((field, refused.Reason)));
        Assert.That(refused.Reason, Does.Contain(reason));
    }

    private static string StatusOf(AggregateRow row)
    {
        var record = MembershipRows.Get(row);
        return string.Join(' ', new[] { "is_confirmed", "is_cancelled", "is_moderated", "is_aborted" }.Select(Word))
            + $" {record["status_evidence"]} {record["undecided_status"]}";

        string Word(string field) => record[field] switch { Hidden => "?", true => "yes", _ => "no" };
    }
}
