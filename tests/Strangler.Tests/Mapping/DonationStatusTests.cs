using NUnit.Framework;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>One letter, three fields.</summary>
public sealed class DonationStatusTests
{
    private static readonly string[] _letters = ["N", "Z", "X", "B", "P", "D", "E"];
    private static readonly string[] _types = ["BEZ", "UEB", "PPL", "MCP", "SUB", "MBK", "CSH"];
    private static readonly string[] _states = ["new", "promised", "incomplete", "booked", "historical"];

    [TestCase("N", "new")]
    [TestCase("Z", "promised")]
    [TestCase("X", "incomplete")]
    [TestCase("B", "booked")]
    public void A_plain_letter_is_the_payment_state(string letter, string state)
    {
        var record = DonationRows.Row(("status", letter)).Get();
        Assert.That((record["payment_state"], record["is_moderated"], record["is_cancelled"]), Is.EqualTo((state, false, false)));
    }

    [TestCase("D", true, false, true, true)]
    [TestCase("P", false, true, false, true)]
    [TestCase("E", false, false, false, false)]
    public void A_loud_letter_hides_what_it_drowns(string letter, bool hidesModerated, bool moderated, bool cancelled, bool hidesState)
    {
        var record = DonationRows.Row(("status", letter)).Get();
        Assert.That(record["payment_state"] is Hidden, Is.EqualTo(hidesState));
        Assert.That(record["is_moderated"] is Hidden, Is.EqualTo(hidesModerated));
        Assert.That((record.Boolean("is_moderated"), record.Boolean("is_cancelled")), Is.EqualTo((moderated, cancelled)));
    }

    [TestCase("BEZ", "", "", "new")]
    [TestCase("UEB", "", "", "promised")]
    [TestCase("PPL", "", "", "incomplete")]
    [TestCase("PPL", "PAYER", "", "booked")]
    [TestCase("PPL", "", "TX", "booked")]
    [TestCase("MCP", "PAYER", "", "incomplete")]
    [TestCase("MCP", "", "TX", "booked")]
    [TestCase("MBK", "", "TX", "booked")]
    [TestCase("MBK", "", "", "incomplete")]
    [TestCase("CSH", "", "", "booked")]
    [TestCase("SUB", "PAYER", "TX", "incomplete")]
    public void A_hidden_payment_state_is_derived_from_the_payment_data(string type, string payer, string transaction, string state)
    {
        foreach (var letter in new[] { "D", "P" })
        {
            var record =
                DonationRows.Row(("status", letter), ("zahlweise", type)).WithBlob(
                ("paypal_payer_id", payer), ("ext_payment_id", transaction)).Get();
            Assert.That(((Hidden)record["payment_state"]!).Derived, Is.EqualTo(state));
        }
    }

    [TestCase(null, "incomplete")]
    [TestCase("2021-08-04 13:25:44", "promised")]
    public void Of_Sofort_the_confirmation_tells(string? confirmedAt, string state) =>
        Assert.That(
            DonationRows.Row(("status", "D"), ("zahlweise", "SUB")).WithSofort(confirmedAt).Get().Text("payment_state"), Is.EqualTo(state));

    [Test]
    public void Every_letter_can_become_every_combination_and_shows_it(
        [ValueSource(nameof(_letters))] string letter, [ValueSource(nameof(_types))] string type)
    {
        var row = DonationRows.Row(("status", letter), ("zahlweise", type));
        foreach (var state in _states)
        {
            foreach (var moderated in (bool[])[false, true])
            {
                foreach (var cancelled in (bool[])[false, true])
                {
                    var written = row.Put(("payment_state", state), ("is_moderated", moderated), ("is_cancelled", cancelled));
                    Assert.That(
                        written.Column("status"), Is.EqualTo(Expected(letter, state, moderated, cancelled)),
                        $"{state} {moderated} {cancelled}");
                }
            }
        }
    }

    [Test]
    public void A_cancellation_and_its_undoing_restore_what_the_payment_data_tells([ValueSource(nameof(_types))] string type)
    {
        var row = DonationRows.Row(("status", "N"), ("zahlweise", type)).WithBlob(("ext_payment_id", "TX")).Put(("is_cancelled", true));
        Assert.That(row.Column("status"), Is.EqualTo("D"));
        var derived = row.Get().Text("payment_state");
        var restored = row.Put(("is_cancelled", false));
        Assert.That(restored.Get()["payment_state"], Is.EqualTo(derived));
    }

    [TestCase("P", "is_moderated", false, "N")]
    [TestCase("N", "is_moderated", true, "P")]
    [TestCase("P", "is_cancelled", true, "D")]
    [TestCase("D", "is_cancelled", false, "N")]
    [TestCase("E", "is_cancelled", true, "D")]
    [TestCase("E", "is_moderated", true, "P")]
    [TestCase("N", "payment_state", "booked", "B")]
    [TestCase("D", "payment_state", "booked", "D")]
    [TestCase("P", "payment_state", "booked", "P")]
    [TestCase("E", "payment_state", "booked", "B")]
    [TestCase("E", "payment_state", "historical", "E")]
    [TestCase("D", "is_moderated", true, "D")]
    public void A_change_of_one_field_keeps_the_letter_wherever_it_can(string before, string field, object value, string after) =>
        Assert.That(DonationRows.Row(("status", before)).Put((field, value)).Column("status"), Is.EqualTo(after));

    [Test]
    public void A_cancelled_moderated_donation_comes_back_moderated()
    {
        var row = DonationRows.Row(("status", "D"));
        Assert.That(row.Put(("is_cancelled", false), ("is_moderated", true)).Column("status"), Is.EqualTo("P"));
    }

    // The letter stays while it denies nothing; else cancelled, moderated, payment state.
    private static string Expected(string letter, string state, bool moderated, bool cancelled)
    {
        var stays = letter switch
        {
            "D" => cancelled,
            "P" => moderated && !cancelled,
            _ => false,
        };
        return stays ? letter : cancelled ? "D" : moderated ? "P"
            : state switch { "new" => "N", "promised" => "Z", "incomplete" => "X", "historical" => "E", _ => "B" };
    }
}
