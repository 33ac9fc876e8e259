using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Mapping;
using Strangler.MySql;

namespace Strangler.IntegrationTests.Capture;

/// <summary>Our own writes are no other program's: not while legacy leads, not while it follows; and what another uses our session for afterwards is.</summary>
[Category("Case42")]
public sealed class EchoTests
{
    private DonationsWorld _world = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.FillAsync(200);
        await Foreign.ForgetAsync(_world);
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [Test]
    [Order(0)]
    public async Task No_write_of_ours_is_captured_in_any_stage()
    {
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads, Stage.ShadowRead })
        {
            await _world.MoveToAsync(stage);
            var donations = _world.Donations.Donations;
            var donation = CaptureSamples.Donation(stage.ToString());
            await donations.StoreAsync(donation, CancellationToken.None);
            donation.ChangeAmount(donation.AmountInCents + 1);
            donation.MarkConfirmationSent();
            await donations.StoreAsync(donation, CancellationToken.None);
            var sofort = CaptureSamples.Sofort();
            await donations.StoreAsync(sofort, CancellationToken.None);
            await donations.DeleteAsync(sofort.Id, CancellationToken.None);
            Assert.That(await Foreign.CapturedAsync(_world), Is.Empty, $"{stage}");
        }

        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await Foreign.CapturedAsync(_world), Is.Empty);
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        Assert.That(await connection.ExecuteScalarAsync<long>("SELECT COALESCE(SUM(foreign_seq), 0) FROM strangler_entity"), Is.Zero);
    }

    /// <summary>A table that two contexts have: what one of them writes is news to the other.</summary>
    [Test]
    [Order(1)]
    public async Task What_another_context_of_ours_writes_is_another_program_s()
    {
        await _world.MoveToAsync(Stage.DualWrite);
        await Foreign.ForgetAsync(_world);
        var id = await AnyIdAsync();
        await Foreign.RunAsync(
            _world,
            $"SET @strangler_own = 'donations'; UPDATE spenden SET betrag = '66.66' WHERE id = {id}; "
            + $"SET @strangler_own = 'memberships'; UPDATE spenden SET betrag = '66.67' WHERE id = {id}");
        Assert.That(await Foreign.CapturedAsync(_world), Is.EqualTo(new[] { (id, 1L) }));
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
    }

    [Test]
    [Order(1)]
    public async Task A_pooled_session_that_comes_back_is_no_longer_ours([Values] bool asNew, [Values("committed", "failed", "given up")] string how)
    {
        await _world.MoveToAsync(Stage.DualWrite);
        var options = new MySqlSideOptions { ConnectionString = _world.LegacyDatabase.ConnectionString, ForegroundConnections = 1, BackgroundConnections = 1 };
        var layout = _world.Host.Mappings[DonationsContext.DonationKind].Legacy.Layout;
        var side = MySqlSides.CreateLegacy(options, DonationsContext.Name, new Dictionary<string, AggregateLayout> { [DonationsContext.DonationKind] = layout });
        try
        {
            var key = new EntityKey(DonationsContext.DonationKind, await AnyIdAsync());
            await WriteAsync(side.Seams.Store, key, how);
            await Foreign.ForgetAsync(_world);

            await using var connection = await MySqlDatabase.Of(options).OpenAsync(background: false, asNew, CancellationToken.None);
            await connection.ExecuteAsync("UPDATE spenden SET betrag = '77.77' WHERE id = @Id; UPDATE spenden SET betrag = '77.78' WHERE id = @Id", new { key.Id });
            Assert.That(await Foreign.KeysAsync(_world), Is.EqualTo(new[] { key.Id, key.Id }), "the only connection of the pool");
        }
        finally
        {
            await MySqlSides.CloseAsync(options);
        }
    }

    private static async Task WriteAsync(ISideStore store, EntityKey key, string how)
    {
        await using var transaction = await store.BeginAsync(new WriteIntent(key), CancellationToken.None);
        await transaction.SetEntityAsync(key, new EntityState(new EntityVersion(2, 1), 0, false, []), CancellationToken.None);
        switch (how)
        {
            case "committed":
                await transaction.CommitAsync(CancellationToken.None);
                break;
            case "failed":
                // A row that is there already: the batch that ends the transaction fails in the middle.
                await transaction.SaveAsync(key, null, transaction.State.Row, CancellationToken.None);
                await Assert.ThatAsync(() => transaction.CommitAsync(CancellationToken.None), Throws.InstanceOf<DuplicateKeyException>());
                break;
            default:
                break;
        }
    }

    private async Task<long> AnyIdAsync()
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        return await connection.ExecuteScalarAsync<long>("SELECT MIN(id) FROM spenden");
    }
}
