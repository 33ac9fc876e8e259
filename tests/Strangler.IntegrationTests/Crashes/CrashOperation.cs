using System.Globalization;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Crashes;

/// <summary>
/// One write, carried out by whichever process is told to: by a child that dies over it, by another that tries it again. Repeatable, for
/// its name is its request key.
/// </summary>
/// <param name="Name">Its request key; of a create also what its donor is called.</param>
/// <param name="Verb">create, update, delete or anonymize.</param>
/// <param name="Id">Public id; 0 for a create.</param>
/// <param name="Amount">In cents; what a create or an update leaves behind.</param>
internal sealed record CrashOperation(string Name, string Verb, long Id, long Amount)
{
    private static readonly DateTime At = new(2024, 5, 6, 7, 8, 9);

    /// <summary>The donor's e-mail address of a created donation.</summary>
    public string Email => EmailOf(Name);

    public static string EmailOf(string name) => $"{name}@example.org";

    public static CrashOperation Parse(string[] words) =>
        new(words[1], words[0], long.Parse(words[2], CultureInfo.InvariantCulture), long.Parse(words[3], CultureInfo.InvariantCulture));

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Verb} {Name} {Id} {Amount}");

    /// <summary>Returns the public id.</summary>
    public async Task<long> RunAsync(DonationRepositoryWrapper donations, CancellationToken cancellationToken)
    {
        switch (Verb)
        {
            case "create":
                var donation = Donation(Name, Amount);
                await donations.StoreAsync(donation, cancellationToken, Name);
                return donation.Id;
            case "delete":
                await donations.DeleteAsync(Id, cancellationToken, Name);
                return Id;
            case "update":
                await ChangeAsync(donations, loaded => loaded.ChangeAmount(Amount), cancellationToken);
                return Id;
            default:
                await ChangeAsync(donations, loaded => loaded.Anonymize(At.AddDays(1)), cancellationToken);
                return Id;
        }
    }

    /// <summary>Whether the side shows what this write leaves behind. An id of 0 is looked up by <paramref name="created"/>.</summary>
    public async Task<bool> IsOnAsync(DonationsContext context, SideName side, IReadOnlyList<long> created)
    {
        if (Verb == "create")
        {
            return created.Count > 0;
        }

        var donation = side == SideName.Legacy
            ? await context.Legacy.FindAsync(Id, CancellationToken.None)
            : await context.New.FindAsync(Id, CancellationToken.None);
        return Verb switch
        {
            "delete" => donation is null,
            "update" => donation?.AmountInCents == Amount,
            _ => donation?.IsAnonymized == true,
        };
    }

    public static Donation Donation(string name, long amount)
    {
        var person = new PersonDonor(
            new PersonName("Frau", "", "Erika", name), new Address("Erlenkamp 1", "12345", "Smalltown", "DE"), EmailOf(name));
        var payment = new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX"));
        return new Donation(0, At, amount, 0, person, payment);
    }

    private async Task ChangeAsync(DonationRepositoryWrapper donations, Action<Donation> change, CancellationToken cancellationToken)
    {
        var donation = await donations.FindAsync(Id, cancellationToken) ?? throw new InvalidOperationException($"{Id} has disappeared.");
        change(donation);
        await donations.StoreAsync(donation, cancellationToken, Name);
    }
}
