using System.Globalization;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Service;

namespace Strangler.IntegrationTests.Donations;

/// <summary>The life cycle of donations.</summary>
public class DonationsLifeCycleTests : ContextLifeCycleContract<Donation>
{
    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) => await DonationsWorld.CreateAsync(options: options);

    private protected override RepositoryWrapper<Donation> WrapperOf(ContextHost host) => host.Part<DonationsContext>().Donations;

    private protected override Donation New(long number) => new(
        0,
        new DateTime(2022, 6, 1, 10, 0, 0),
        number,
        0,
        new PersonDonor(new PersonName("Herr", "", "Max", "Müller"), new Address("Straße 1", "12345", "Köln", "DE"), "max@example.org"),
        new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));

    private protected override void Change(Donation entity, long number) => entity.ChangeAmount(number);

    private protected override long NumberOf(Donation entity) => entity.AmountInCents;

    private protected override long IdOf(Donation entity) => entity.Id;

    private protected override (string Field, object? Value) FieldOf(long number) => ("amount", number);

    private protected override string ForeignInsert(long id, long number) => string.Create(
        CultureInfo.InvariantCulture,
        $"INSERT INTO spenden (id, name, betrag, kommentar, data, dt_new) VALUES ({id}, 'Max', '{number / 100m:0.00}', '', NULL, '2020-01-01 12:00:00')");

    private protected override string ForeignUpdate(long id, long number) =>
        string.Create(CultureInfo.InvariantCulture, $"UPDATE spenden SET betrag = '{number / 100m:0.00}' WHERE id = {id}");

    private protected override string ForeignDelete(long id) => $"DELETE FROM spenden WHERE id = {id}";
}
