using Strangler.Contexts.Donations;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Donations;

/// <summary>A save of a stale instance is refused and names both versions, in each stage and across flips (Case12).</summary>
[Category("Case12")]
public sealed class StaleSaveTests
{
    private DonationsWorld _world = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.FillAsync(300);
    }

    [OneTimeTearDown]
    public async Task DropWorld() => await _world.DisposeAsync();

    [Test]
    [Order(0)]
    public Task In_legacy_only_the_second_of_two_savers_is_refused() => AssertSecondSaverIsRefusedAsync(Stage.LegacyOnly);

    [Test]
    [Order(1)]
    public Task In_dual_write_the_second_of_two_savers_is_refused() => AssertSecondSaverIsRefusedAsync(Stage.DualWrite);

    [Test]
    [Order(2)]
    public Task In_shadow_read_the_second_of_two_savers_is_refused() => AssertSecondSaverIsRefusedAsync(Stage.ShadowRead);

    [Test]
    [Order(3)]
    public async Task Loaded_before_a_flip_saved_by_another_after_it_is_refused()
    {
        await _world.MoveToAsync(Stage.ShadowRead);
        var (id, other) = (await AnyIdAsync(), _world.Open().Part<DonationsContext>().Donations);
        var stale = await Load(_world.Donations.Donations, id);
        await _world.MoveToAsync(Stage.NewLeads);
        var fresh = await Load(other, id);
        fresh.ChangeAmount(fresh.AmountInCents + 1);
        await other.StoreAsync(fresh, CancellationToken.None);
        stale.ChangeAmount(stale.AmountInCents + 100);
        await AssertRefusedAsync(_world.Donations.Donations, stale, id, fresh.AmountInCents);
    }

    [Test]
    [Order(4)]
    public async Task Loaded_before_a_flip_and_changed_by_nobody_it_can_be_saved_after_it()
    {
        await _world.MoveToAsync(Stage.ShadowRead);
        var id = await AnyIdAsync();
        var donation = await Load(_world.Donations.Donations, id);
        await _world.MoveToAsync(Stage.NewLeads);
        donation.ChangeAmount(123_456);
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        Assert.That((await Load(_world.Donations.Donations, id)).AmountInCents, Is.EqualTo(123_456));
    }

    [Test]
    [Order(5)]
    public Task While_new_leads_the_second_of_two_savers_is_refused() => AssertSecondSaverIsRefusedAsync(Stage.NewLeads);

    [Test]
    [Order(6)]
    public async Task Loaded_while_new_leads_saved_by_another_after_going_back_is_refused()
    {
        await _world.MoveToAsync(Stage.NewLeads);
        var (id, other) = (await AnyIdAsync(), _world.Open().Part<DonationsContext>().Donations);
        var stale = await Load(_world.Donations.Donations, id);
        await _world.MoveToAsync(Stage.ShadowRead);
        var fresh = await Load(other, id);
        fresh.ChangeAmount(fresh.AmountInCents + 1);
        await other.StoreAsync(fresh, CancellationToken.None);
        await AssertRefusedAsync(_world.Donations.Donations, stale, id, fresh.AmountInCents);
    }

    [Test]
    [Order(7)]
    public async Task The_same_instance_can_be_saved_again_and_again()
    {
        var donation = await Load(_world.Donations.Donations, await AnyIdAsync());
        for (var amount = 1; amount <= 3; amount++)
        {
            donation.ChangeAmount(amount);
            await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        }

        Assert.That((await Load(_world.Donations.Donations, donation.Id)).AmountInCents, Is.EqualTo(3));
    }

    private async Task AssertSecondSaverIsRefusedAsync(Stage stage)
    {
        await _world.MoveToAsync(stage);
        var (id, other) = (await AnyIdAsync(), _world.Open().Part<DonationsContext>().Donations);
        var (first, second) = (await Load(_world.Donations.Donations, id), await Load(other, id));
        first.ChangeAmount(first.AmountInCents + 7);
        await _world.Donations.Donations.StoreAsync(first, CancellationToken.None);
        second.SubscribeNewsletter(!second.WantsNewsletter);
        await AssertRefusedAsync(other, second, id, first.AmountInCents);
    }

    private async Task AssertRefusedAsync(DonationRepositoryWrapper wrapper, Donation stale, long id, long amount)
    {
        ConflictException? refused = null;
        try
        {
            await wrapper.StoreAsync(stale, CancellationToken.None);
        }
        catch (ConflictException exception)
        {
            refused = exception;
        }

        Assert.That(refused, Is.Not.Null, "a stale instance was saved");
        Assert.Multiple(() =>
        {
            Assert.That(refused!.Loaded, Is.Not.EqualTo(refused.Present));
            Assert.That(refused.Message, Does.Contain(refused.Loaded).And.Contain(refused.Present));
        });
        Assert.That((await Load(_world.Donations.Donations, id)).AmountInCents, Is.EqualTo(amount));
    }

    private async Task<long> AnyIdAsync()
    {
        var bounds = await _world.Host.Sides.Legacy.Store.BoundsAsync(DonationsContext.DonationKind, CancellationToken.None);
        for (var id = bounds.From; id <= bounds.To; id++)
        {
            if (await _world.Donations.CanBeChangedAsync(id, CancellationToken.None))
            {
                return id;
            }
        }

        throw new InvalidOperationException("No donation can be changed.");
    }

    private static async Task<Donation> Load(DonationRepositoryWrapper wrapper, long id) =>
        await wrapper.FindAsync(id, CancellationToken.None) ?? throw new InvalidOperationException($"Donation {id} is gone.");
}
