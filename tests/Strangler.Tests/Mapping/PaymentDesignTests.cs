using NUnit.Framework;
using Strangler.Contexts.Common.Payments;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>Payments are one thing in all contexts that have them: the same classes, fields, codes and columns, each context with tables of its own.</summary>
public sealed class PaymentDesignTests
{
    private static readonly string[] Groups = ["bank_transfer.", "direct_debit.", "provider.", "paypal.", "credit_card.", "sofort."];

    private static IEnumerable<CompiledMapping> Mappings => [DonationRows.Mapping, MembershipRows.Mapping];

    [Test]
    public void A_field_of_a_payment_is_the_same_wherever_it_occurs()
    {
        var fields = Mappings.SelectMany(mapping => mapping.Schema.Fields.Where(field => Groups.Any(group => field.Name.StartsWith(group, StringComparison.Ordinal))))
            .GroupBy(field => field.Name).ToList();
        Assert.That(fields.Count(same => same.Count() > 1), Is.GreaterThan(15), "what they share");
        foreach (var same in fields)
        {
            Assert.That(same.Select(field => (field.Type, field.Personal, string.Join(' ', field.Codes))).Distinct().Count(), Is.EqualTo(1), same.Key);
        }
    }

    [Test]
    public void Types_and_states_have_the_same_codes()
    {
        var donations = DonationRows.Mapping.Schema;
        Assert.That(Codes(MembershipRows.Mapping.Schema, "payment_type"), Is.SubsetOf(Codes(donations, "payment_type")));
        foreach (var state in Enum.GetValues<PaymentState>())
        {
            Assert.That(Codes(donations, "payment_state"), Does.Contain(PaymentRecords.CodeOf(state)));
        }

        static IReadOnlyList<string> Codes(RecordSchema schema, string field) => schema.Fields[schema.OrdinalOf(field)].Codes;
    }

    [Test]
    public void Tables_have_the_same_names_and_columns_behind_the_name_of_their_context()
    {
        var (donations, memberships) = (TablesOf(DonationRows.Mapping), TablesOf(MembershipRows.Mapping));
        Assert.That(memberships.Keys, Is.SubsetOf(donations.Keys).And.Not.Empty);
        foreach (var (name, columns) in memberships)
        {
            Assert.That(columns.Except(["first_payment_date"]), Is.SubsetOf(donations[name]), name);
        }

        static Dictionary<string, string[]> TablesOf(CompiledMapping mapping) => mapping.New.Layout.Tables
            .Where(table => table.Name.Contains("_payment", StringComparison.Ordinal))
            .ToDictionary(table => table.Name[table.Name.IndexOf("_payment", StringComparison.Ordinal)..], table => table.Columns.Select(column => column.Name).ToArray());
    }

    // What was never booked has no booking, and is not anonymized into one either.
    [Test]
    public void What_is_not_booked_has_no_data_of_a_booking()
    {
        Payment[] unbooked = [new PayPalPayment((PayPalBooking?)null) { FirstPaymentDate = "2022-07-01" }, new CreditCardPayment(null), new SofortPayment("XW-DAR-E99-X")];
        foreach (var payment in unbooked)
        {
            Assert.That(payment.InitialState, Is.EqualTo(PaymentState.Incomplete), payment.GetType().Name);
            Assert.That(payment.Anonymized().InitialState, Is.EqualTo(PaymentState.Incomplete), payment.GetType().Name);
        }

        var row = MembershipRows.Row(("payment_type", "PPL"), ("data", MembershipRows.Blob(("first_payment_date", Strangler.Mapping.Php.PhpString.Of("2022-07-01")))));
        Assert.That(PaymentRecords.Of(MembershipRows.Get(row)), Is.EqualTo(unbooked[0]));
    }
}
