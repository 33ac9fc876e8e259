using NUnit.Framework;
using Strangler.Contexts;
using Strangler.Fates;
using Strangler.LegacyData;
using Strangler.LegacyData.AddressChanges;
using Strangler.LegacyData.BackOfficeUsers;
using Strangler.LegacyData.Buckets;
using Strangler.LegacyData.ChangeLog;
using Strangler.LegacyData.Impressions;
using Strangler.Mapping;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Fates;

/// <summary>What the delivered mapping files say of every legacy table.</summary>
public sealed class FateRulesTests
{
    private static readonly IReadOnlyList<FateOfTable> _fates = FateRules.Of(
        ContextList.All.SelectMany(context => MappingFile.Load(PlainRows.PathOf(context.Name), context.Converters)));

    [Test]
    public void Every_table_of_old_has_a_fate_with_a_reason()
    {
        string[] tables =
        [
            .. LegacySchema.Tables, .. LegacyAddressChangeSchema.Tables, .. LegacyUserSchema.Tables, .. LegacyBucketSchema.Tables, .. LegacyActionSchema.Tables,
            .. LegacyImpressionSchema.Tables, "request", "incentive", "membership_incentive", "subscription", "last_generated_donation_id",
        ];
        Assert.That(FateRules.Undeclared(tables, _fates), Is.Empty);
        Assert.That(_fates.Where(fate => fate.Reason.Length < 10), Is.Empty);
    }

    // Of all generations of the programs, those included that came after the tables of which the mapping files are.
    [Test]
    public void Every_table_that_any_generation_of_the_programs_had_is_declared_and_no_other()
    {
        string[] tables =
        [
            "spenden", "donation_payment", "donation_payment_sofort", "donation_notification_log", "last_generated_donation_id", "donation_moderation_reason",
            "donations_moderation_reasons", "donation_tracking", "request", "incentive", "membership_incentive", "last_generated_membership_id",
            "membership_moderation_reason", "memberships_moderation_reasons", "membership_fee_changes", "legacy_auth_tokens", "subscription", "address_change", "address",
            "users", "action_log", "backend_banner", "backend_impressions", "banner_tracking", "banner_impressions", "bucket_log", "bucket_log_bucket", "payment",
            "payment_bank_transfer", "payment_credit_card", "payment_direct_debit", "payment_fee_change", "payment_paypal", "payment_paypal_identifier", "payment_sofort",
            "payment_reference_codes", "last_generated_payment_id", "doctrine_migration_versions",
            "provinces", "health_regions", "locations", "mobility", "cases", "casesdeaths",
        ];
        Assert.That(_fates.Select(fate => fate.Table).Distinct(), Is.EquivalentTo(tables));
        Assert.That(_fates.Where(fate => fate.Reason.Length < 10), Is.Empty);
    }

    [TestCase("spenden", TableFate.Migrated, "donations", "donation")]
    [TestCase("donation_payment_sofort", TableFate.Folded, "donations", "donation")]
    [TestCase("bucket_log_bucket", TableFate.Folded, "buckets", "bucket_log")]
    [TestCase("incentive", TableFate.Folded, "memberships", "membership")]
    [TestCase("backend_banner", TableFate.Migrated, "impressions", "banner")]
    [TestCase("last_generated_donation_id", TableFate.Kept, "donations", "")]
    [TestCase("doctrine_migration_versions", TableFate.Dropped, "donations", "")]
    public void A_table_goes_where_its_mapping_says(string table, TableFate fate, string context, string into)
    {
        var found = _fates.Single(one => one.Table == table && one.Context == context);
        Assert.That((found.Fate, found.Into), Is.EqualTo((fate, into)));
    }

    [Test]
    public void A_table_that_contexts_share_has_a_fate_in_each() => Assert.That(
        _fates.Where(fate => fate.Table == "legacy_auth_tokens").Select(fate => (fate.Context, fate.Fate)),
        Is.EqualTo(new[] { ("donations", TableFate.Kept), ("memberships", TableFate.Folded) }));

    [Test]
    public void A_table_that_no_file_names_is_told() =>
        Assert.That(FateRules.Undeclared(["SPENDEN", "archiv_2009"], _fates), Is.EqualTo(new[] { "archiv_2009" }));
}
