using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;

namespace Strangler.IntegrationTests.Capture;

/// <summary>Donations as a frontend makes them.</summary>
internal static class CaptureSamples
{
    public static Donation Donation(string name, long amount = 2_500, DateTime? at = null) => new(
        0,
        at ?? new DateTime(2022, 6, 1, 10, 0, 0),
        amount,
        0,
        new PersonDonor(new PersonName("Herr", "", "Max", name), new Address("Straße 1", "12345", "Köln", "DE"), "max@example.org"),
        new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));

    /// <summary>With rows in both companions of the payment.</summary>
    public static Donation Sofort() => new(
        0,
        new DateTime(2022, 6, 1, 10, 0, 0),
        1_000,
        0,
        new PersonDonor(new PersonName("Frau", "", "Erika", "Muster"), new Address("Straße 1", "12345", "Köln", "DE"), "erika@example.org"),
        new SofortPayment("XW-DAR-E99-X"));
}
