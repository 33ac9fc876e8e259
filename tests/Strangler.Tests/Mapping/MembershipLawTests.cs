using System.Text;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Strangler.LegacyData.Memberships;
using Strangler.Mapping;
using Strangler.Mapping.Php;

namespace Strangler.Tests.Mapping;

/// <summary>The laws, over rows of <c>request</c> and its companions with every state and oddity; and each rule of the mapping by an example.</summary>
public sealed partial class MembershipLawTests
{
    private static CompiledMapping Mapping => MembershipRows.Mapping;

    [TestCase(1, 9_000, 3)]
    [TestCase(2, 4_000, 6)]
    public async Task Every_generated_row_keeps_the_laws_or_is_unreadable_for_a_named_reason(int seed, int rows, int trials)
    {
        List<(long Id, string Kinds)> wrong = [];
        var kinds = new HashSet<string>();
        var result = await new MappingVerifier(Mapping, seed, trials).RunAsync(Stream(), null, CancellationToken.None);

        await TestContext.Out.WriteLineAsync(
            $"{result.Rows} rows, {result.Readable} readable, {result.Violations} violations\nunreadable: {string.Join(", ", result.UnreadableBy)}\n"
            + $"hidden: {string.Join(", ", result.HiddenBy)}\nrefused trials: {string.Join(", ", result.TrialsRefused)}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Samples, Is.Empty);
            Assert.That(wrong, Is.Empty, "rows that are readable and should not be, or the reverse");
            Assert.That(result.RefusedByNew, Is.Empty);
            Assert.That(result.Rows, Is.EqualTo(rows));
            Assert.That(LegacyMembershipGenerator.Kinds.Except(kinds), Is.Empty, "kinds that did not occur");
            Assert.That(kinds.Except(LegacyMembershipGenerator.Kinds), Is.Empty, "kinds that are not declared");
        }

        async IAsyncEnumerable<(long, AggregateRow)> Stream()
        {
            await Task.CompletedTask;
            foreach (var membership in MembershipRows.Generate(rows, seed))
            {
                kinds.UnionWith(membership.Kinds);
                var row = MembershipRows.Of(membership);
                if (IsUnreadable(row) != membership.IsUnreadable)
                {
                    wrong.Add((membership.Id, string.Join(' ', membership.Kinds)));
                }

                yield return (membership.Id, row);
            }
        }
    }

    [Test]
    public void What_the_new_side_holds_can_rebuild_the_legacy_row_to_the_byte()
    {
        foreach (var membership in MembershipRows.Generate(2_000, 4).Where(membership => !membership.IsUnreadable))
        {
            var row = MembershipRows.Of(membership);
            var there = Mapping.New.Get(Mapping.New.Put(MembershipRows.Get(row), null));
            Assert.That(Mapping.Legacy.Put(there, row).SameAs(row), string.Join(' ', membership.Kinds));
        }
    }

    [Test]
    public void The_same_seed_gives_the_same_rows()
    {
        var (one, again, other) = (Text(3), Text(3), Text(4));
        Assert.That((one == again, one == other), Is.EqualTo((true, false)));

        static string Text(int seed) => string.Join('\n', MembershipRows.Generate(700, seed).Select(row => string.Join('|', row.Values)));
    }

    // Q32: the programs cut cents. Here they are refused.
    [Test]
    public void A_fee_is_whole_euros_and_nothing_is_cut()
    {
        var row = MembershipRows.Row(("membership_fee", 250));
        Assert.That(MembershipRows.Get(row)["fee"], Is.EqualTo(25_000L));
        Assert.That(MembershipRows.ColumnOf(MembershipRows.Put(row, ("fee", 1_000L)), "membership_fee"), Is.EqualTo(10L));
        Assert.That(
            () => MembershipRows.Put(row, ("fee", 25_010L)),
            Throws.TypeOf<CannotHoldException>().With.Property(nameof(CannotHoldException.Field)).EqualTo("fee").And.Message.Contains("whole euros"));
    }

    // Q30: only the last programs took an exported application for one without an address.
    [Test]
    public void An_exported_application_keeps_its_address()
    {
        var row = MembershipRows.Row(("export", "2022-01-01 00:00:00"), ("email", "kept@example.org"));
        Assert.That(MembershipRows.Get(row)["applicant.email"], Is.EqualTo("kept@example.org"));
        Assert.That(MembershipRows.ColumnOf(MembershipRows.Put(row, ("applicant.city", "Köln")), "email"), Is.EqualTo("kept@example.org"));
    }

    // Q4: it was always 1, so it says nothing, and stays.
    [Test]
    public void What_the_programs_took_for_the_status_before_stays_whatever_becomes_of_the_status()
    {
        var row = MembershipRows.Row(("status", 1), ("data", MembershipRows.Blob(("old_status", PhpInt.Of(1)))));
        var changed = MembershipRows.Put(row, ("is_cancelled", true), ("is_moderated", true));
        Assert.That((MembershipRows.ColumnOf(changed, "status"), MembershipRows.ColumnOf(changed, "data")), Is.EqualTo(((object)-3L, MembershipRows.ColumnOf(row, "data"))));
    }

    // Q10: the type is what the column says; that it may be wrong is a finding, and the provider's data stay.
    [Test]
    public void A_PayPal_payment_that_is_called_direct_debit_is_not_guessed()
    {
        var row = MembershipRows.Row(("payment_type", "BEZ"), ("data", MembershipRows.Blob(("paypal_payer_id", PhpString.Of("42")))));
        Assert.That((MembershipRows.Get(row)["payment_type"], MembershipRows.Get(row)["paypal.payer_id"]), Is.EqualTo(((object)"direct_debit", (object)"42")));
        var finding = Mapping.Findings.Single(one => one.Name == "paypal_called_direct_debit");
        Assert.That((finding.Check, finding.Field, finding.Other), Is.EqualTo((FindingCheck.RowSays, "payment_type", "paypal.payer_id")));
    }

    // Q25: programs took a backed-up application for a purged one, and nobody could approve it any more.
    [Test]
    public void A_backup_is_no_erasure()
    {
        var record = MembershipRows.Get(MembershipRows.Row(("backup", "2022-01-01 00:00:00"), ("status", -2)));
        Assert.That((record["is_backed_up"], record["is_anonymized"], record["is_moderated"]), Is.EqualTo(((object)true, (object)false, (object)true)));
        var erased = MembershipRows.Get(MembershipRows.Row(("email", "")));
        Assert.That((erased["is_backed_up"], erased["is_anonymized"]), Is.EqualTo(((object)false, (object)true)), "and an erasure is no backup");
    }

    // Q13, Q31: all that was written in one column, split at the first slash, and back to the byte.
    [TestCase("test/blue", "test", "blue")]
    [TestCase("dewiki/wikipedia:spenden", "dewiki", "wikipedia:spenden")]
    [TestCase("a/b//c/", "a", "b//c/")]
    [TestCase("wlightbox", "wlightbox", "")]
    [TestCase("/", "", "")]
    [TestCase("/keyword", "", "keyword", TestName = "A keyword without a campaign is not dropped")]
    [TestCase("", "", "")]
    [TestCase(null, "", "")]
    public void Campaign_and_keyword_are_two_fields(string? tracking, string campaign, string keyword)
    {
        var row = MembershipRows.Row(("tracking", tracking));
        var record = MembershipRows.Get(row);
        Assert.That((record["tracking.campaign"], record["tracking.keyword"]), Is.EqualTo(((object)campaign, (object)keyword)));
        Assert.That(MembershipRows.ColumnOf(MembershipRows.Put(row, ("fee", 300L)), "tracking"), Is.EqualTo(tracking));
        var other = MembershipRows.Put(row, ("tracking.campaign", "new"), ("tracking.keyword", "word"));
        Assert.That(MembershipRows.ColumnOf(other, "tracking"), Is.EqualTo("new/word"));
    }

    [TestCase("Evilcrop", "Firma", "Max", "company", TestName = "A company's name makes a company, whatever else there is")]
    [TestCase("", "Firma", "Max", "person", TestName = "A salutation does not")]
    [TestCase(null, "Herr", "Max", "person")]
    public void A_company_is_what_has_a_company_s_name(string? company, string salutation, string firstName, string type)
    {
        var record = MembershipRows.Get(MembershipRows.Row(("firma", company), ("anrede", salutation), ("vorname", firstName)));
        Assert.That(record["applicant.type"], Is.EqualTo(type));
    }

    [TestCase("Firma", "company")]
    [TestCase("Frau", "person")]
    [TestCase(null, "person")]
    public void Of_an_erased_one_the_salutation_is_what_is_left(string? salutation, string type)
    {
        var record = MembershipRows.Get(MembershipRows.Row(("email", ""), ("anrede", salutation)));
        Assert.That((record["applicant.type"], record["is_anonymized"]), Is.EqualTo(((object)new Hidden(type), (object)true)));
    }

    [TestCase("company", "", "applicant.type")]
    [TestCase("person", "Evilcrop", "applicant.type")]
    public void A_type_that_the_name_denies_is_refused(string type, string company, string field) => Assert.That(
        () => MembershipRows.Put(MembershipRows.Row(), ("applicant.type", type), ("applicant.company", company)),
        Throws.TypeOf<CannotHoldException>().With.Property(nameof(CannotHoldException.Field)).EqualTo(field));

    [Test]
    public void Tokens_stay_where_they_stand_and_new_ones_go_to_the_table()
    {
        var blob = MembershipRows.Blob(("token", PhpString.Of("old access")), ("utoken", PhpString.Of("old update")));
        var older = MembershipRows.Row(("data", blob));
        Assert.That(Tokens(older), Is.EqualTo("old access/old update/"));
        var changed = MembershipRows.Put(older, ("token.access", "new access"));
        Assert.That((Tokens(changed), changed.Tables[3].Count), Is.EqualTo(("new access/old update/", 0)));

        // An expiry can stand in the table only; nothing stays behind in the LOB, which a program would ask next.
        var moved = MembershipRows.Put(older, ("token.update_expires_at", new DateTime(2024, 1, 1)));
        Assert.That((Tokens(moved), moved.Tables[3].Count), Is.EqualTo(("old access/old update/2024-01-01 00:00:00", 1)));
        Assert.That(PhpBlob.Decode((string)MembershipRows.ColumnOf(moved, "data")!).Array!.Count, Is.Zero);

        var fresh = MembershipRows.Put(MembershipRows.Row(), ("token.access", "a"), ("token.update", "u"));
        Assert.That(fresh.Tables[3], Is.EqualTo(new object?[][] { ["a", "u", null] }).AsCollection);

        var both = new AggregateRow(older.Layout, [older.Tables[0], [], [], [["table access", "", null]]]);
        Assert.That(Tokens(both), Is.EqualTo("table access//"), "the table is asked first");
        var erased = MembershipRows.Put(both, ("token.access", ""));
        Assert.That(Tokens(erased), Is.EqualTo("//"), "and what was hidden behind it does not come to light");

        static string Tokens(AggregateRow row)
        {
            var record = MembershipRows.Get(row);
            return $"{record["token.access"]}/{record["token.update"]}/{record.Timestamp("token.update_expires_at"):yyyy-MM-dd HH:mm:ss}";
        }
    }

    [Test]
    public void A_receipt_nobody_was_asked_about_is_no_refusal()
    {
        foreach (var (stored, receipt) in new (int?, string)[] { (null, "unknown"), (0, "no"), (1, "yes"), (2, "yes") })
        {
            var row = MembershipRows.Row(("donation_receipt", stored));
            Assert.That(MembershipRows.Get(row)["receipt"], Is.EqualTo(receipt));
            Assert.That(MembershipRows.ColumnOf(MembershipRows.Put(row, ("fee", 100L)), "donation_receipt"), Is.EqualTo((long?)stored));
        }

        Assert.That(MembershipRows.ColumnOf(MembershipRows.Put(MembershipRows.Row(("donation_receipt", 1)), ("receipt", "unknown")), "donation_receipt"), Is.Null);
        Assert.That(MembershipRows.ColumnOf(MembershipRows.Put(MembershipRows.Row(), ("receipt", "no")), "donation_receipt"), Is.EqualTo(0L));
    }

    // Installations differ: what the head of the file says is to be taken out, or added, does compile and keep the laws.
    [Test]
    public async Task What_an_installation_lacks_or_has_besides_can_be_said_as_the_file_explains()
    {
        foreach (var (name, change) in new (string, Func<string, string>)[]
                 {
                     ("without account_holder", text => Without(text, "account_holder")),
                     ("with payment_id", text => text
                         .Replace("<column name=\"timestamp\"", "<column name=\"payment_id\" type=\"int\" unsigned=\"yes\"/><column name=\"timestamp\"", StringComparison.Ordinal)
                         .Replace("<preserve place=\"request.wikilogin\"", "<preserve place=\"request.payment_id\" personal=\"no\"/><preserve place=\"request.wikilogin\"", StringComparison.Ordinal)),
                     ("without moderation reasons", text => Items().Replace(Reasons().Replace(text, ""), "<list name=\"moderation_reasons\" owner=\"legacy\" legacy=\"none\"")),
                     ("without tokens in a table", WithoutTokens),
                     ("with is_scrubbed", text => text
                         .Replace("<column name=\"timestamp\"", "<column name=\"is_scrubbed\" type=\"tinyint\" null=\"yes\" default=\"0\"/><column name=\"timestamp\"", StringComparison.Ordinal)
                         .Replace("<field name=\"is_anonymized\"", "<place role=\"mark\" at=\"request.is_scrubbed\"/><field name=\"is_anonymized\"", StringComparison.Ordinal)),
                     ("with ids from a table", text => text.Replace(
                         "<ids from=\"auto-increment\"/>", "<ids from=\"generator\" table=\"last_generated_membership_id\" column=\"membership_id\"/>", StringComparison.Ordinal)),
                 })
        {
            var text = change(await File.ReadAllTextAsync(MembershipRows.Path));
            using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
            var mapping = MappingCompiler.Compile(stream, "memberships.xml", MembershipRows.Converters)[0];
            var result = await new MappingVerifier(mapping, 1, 2).RunAsync(Stream(mapping), null, CancellationToken.None);
            Assert.That(result.Samples, Is.Empty, name);
            Assert.That(result.Readable, Is.GreaterThan(500), name);
        }

        static async IAsyncEnumerable<(long, AggregateRow)> Stream(CompiledMapping mapping)
        {
            await Task.CompletedTask;
            foreach (var membership in MembershipRows.Generate(700, 3))
            {
                var row = MembershipRows.Of(membership);
                yield return (membership.Id, new AggregateRow(mapping.Legacy.Layout, [.. mapping.Legacy.Layout.Tables.Select(table => Rows(row, table))]));
            }
        }
    }

    [Test]
    public void Where_the_table_has_a_mark_of_its_own_it_is_read_and_written_along()
    {
        var text = File.ReadAllText(MembershipRows.Path)
            .Replace("<column name=\"timestamp\"", "<column name=\"is_scrubbed\" type=\"tinyint\" null=\"yes\" default=\"0\"/><column name=\"timestamp\"", StringComparison.Ordinal)
            .Replace("<field name=\"is_anonymized\"", "<place role=\"mark\" at=\"request.is_scrubbed\"/><field name=\"is_anonymized\"", StringComparison.Ordinal);
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
        var mapping = MappingCompiler.Compile(stream, "memberships.xml", MembershipRows.Converters)[0];
        var at = mapping.Legacy.Layout.Root.IndexOf("is_scrubbed");
        var row = new AggregateRow(mapping.Legacy.Layout, [.. mapping.Legacy.Layout.Tables.Select(table => Rows(MembershipRows.Row(("email", "")), table))]);
        Assert.That(mapping.Legacy.Get(row)["is_anonymized"], Is.False, "empty, and not marked");
        var marked = mapping.Legacy.Put(mapping.Legacy.Get(row).With(("is_anonymized", true)), row);
        Assert.That((marked.Root[at], mapping.Legacy.Get(marked)["is_anonymized"]), Is.EqualTo(((object)1L, (object)true)));
        var named = mapping.Legacy.Get(marked).With(("applicant.city", "Köln"));
        Assert.That(() => mapping.Legacy.Put(named, marked), Throws.TypeOf<CannotHoldException>(), "anonymized, and a city");
    }

    private static IReadOnlyList<object?[]> Rows(AggregateRow row, TableLayout table)
    {
        var at = row.Layout.IndexOf(table.Name);
        return [.. row.Tables[at].Select(values => (object?[])[.. table.Columns.Select(
            column => row.Layout.Tables[at].IndexOf(column.Name) is var place and >= 0 ? values[place] : 0L)])];
    }

    private static string Without(string text, string column) => string.Join(
        '\n', text.Split('\n').Where(line => line.StartsWith("    -", StringComparison.Ordinal) || !line.Contains(column, StringComparison.Ordinal)));

    private static string WithoutTokens(string text)
    {
        text = Regex.Replace(text, "<table name=\"legacy_auth_tokens\".*?</table>", "", RegexOptions.Singleline);
        return Regex.Replace(
            text, "<converter use=\"tokens\">.*?</converter>",
            """
            <field name="token.access" type="text" personal="yes" legacy="request.data/token" new="membership_token.access_token"/>
            <field name="token.update" type="text" personal="yes" legacy="request.data/utoken" new="membership_token.update_token"/>
            <field name="token.update_expires_at" type="timestamp" legacy="none" new="membership_token.update_expires_at"/>
            """,
            RegexOptions.Singleline);
    }

    [GeneratedRegex("<table name=\"memberships_moderation_reasons\".*?</table>\\s*<table name=\"membership_moderation_reason\" role=\"lookup\".*?</table>", RegexOptions.Singleline)]
    private static partial Regex Reasons();

    [GeneratedRegex("<list name=\"moderation_reasons\" owner=\"legacy\" legacy=\"memberships_moderation_reasons\"")]
    private static partial Regex Items();

    private static bool IsUnreadable(AggregateRow row)
    {
        try
        {
            MembershipRows.Get(row);
            return false;
        }
        catch (UnreadableException)
        {
            return true;
        }
    }
}
