using Dapper;
using Strangler.Contexts.Subscriptions;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Subscriptions;

/// <summary>
/// Back office, export and purge write the table while the new side leads, each beside a write of the frontend that legacy does not have
/// yet: as the mapping declares the owners.
/// </summary>
[Category("Case43")]
public sealed class SubscriptionProgramsTests
{
    private static readonly DateTime Noon = new(2022, 6, 1, 12, 0, 0);

    private SubscriptionsWorld _world = null!;
    private SubscriptionRepositoryWrapper _frontend = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await SubscriptionsWorld.CreateAsync();
        await _world.FillExamplesAsync(30);
        await _world.MoveToAsync(Stage.NewLeads);
        _frontend = _world.Open((point, side) => point == HookPoint.ApplyBeforeBegin && side == SideName.Legacy
            ? throw new SideUnavailableException(side, "held back", isTransient: true, new TimeoutException())
            : default).Part<SubscriptionsContext>().Subscriptions;
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [TearDown]
    public async Task BothSidesAreIdentical()
    {
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    /// <summary>Held back by the office while the subscriber answers the mail: legacy's one number shows the first, the new side knows both.</summary>
    [Test]
    public async Task Held_back_while_it_is_confirmed()
    {
        var record = await ActAsync(one => one.Confirm(), "UPDATE subscription SET status = 2 WHERE id = @id");
        Assert.That((record.Boolean("is_moderated"), record.Text("confirmation")), Is.EqualTo((true, "confirmed")));
    }

    [Test]
    public async Task Approved()
    {
        var record = await ActAsync(one => one.ComeFrom("mail"), "UPDATE subscription SET status = 0 WHERE id = @id AND status = 2", one => one.Moderate());
        Assert.That((record.Boolean("is_moderated"), record.Text("confirmation"), record.Text("source")), Is.EqualTo((false, "unconfirmed", "mail")));
    }

    /// <summary>Both answer for the mail: the frontend is the one that receives the answer.</summary>
    [Test]
    public async Task Confirmed_by_the_frontend_and_set_to_unknown_by_the_office()
    {
        var record = await ActAsync(one => one.Confirm(), "UPDATE subscription SET status = NULL WHERE id = @id");
        Assert.That(record.Text("confirmation"), Is.EqualTo("confirmed"));
    }

    [Test]
    public async Task Exported_in_bulk_while_the_frontend_writes()
    {
        var record = await ActAsync(
            one => one.Confirm(), "UPDATE subscription SET export = '2022-06-02 12:00:00' WHERE export IS NULL AND id >= @id");
        Assert.That((record.Boolean("is_exported"), record.Timestamp("exported_at"), record.Text("confirmation")), Is.EqualTo((true, (DateTime?)Noon.AddDays(1), "confirmed")));
    }

    [Test]
    public async Task Exported_by_both_it_is_the_exports_time()
    {
        var record = await ActAsync(one => one.MarkExported(Noon), "UPDATE subscription SET export = '2022-06-02 12:00:00' WHERE id = @id");
        Assert.That(record.Timestamp("exported_at"), Is.EqualTo(Noon.AddDays(1)));
    }

    [Test]
    public async Task Purged_while_the_subscriber_writes_it_is_anonymized()
    {
        var record = await ActAsync(
            one => one.ChangeEmail("neu@example.org"),
            "UPDATE subscription SET backup = '2022-06-02 12:00:00', email = '', full_name = '', confirmationCode = NULL WHERE id = @id");
        Assert.That((record.Boolean("is_anonymized"), record.Text("email"), record.Boolean("is_backed_up")), Is.EqualTo((true, "", true)));
    }

    [Test]
    public async Task Deleted_by_the_purge_while_the_subscriber_writes_it_is_gone()
    {
        var id = await NewAsync(_ => { });
        await ChangeAsync(id, one => one.Confirm());
        await _world.RunForeignAsync($"DELETE FROM subscription WHERE id = {id}");
        await MergeAsync();
        Assert.That((await _world.RecordAsync(SideName.New, id), await _world.RecordAsync(SideName.Legacy, id)), Is.EqualTo(((Record?)null, (Record?)null)));
    }

    [Test]
    public async Task An_address_that_both_correct_goes_to_whoever_spoke_last()
    {
        var id = await NewAsync(_ => { });
        await ChangeAsync(id, one => one.ChangeEmail("web@example.org"));
        await AgeAsync();
        await _world.RunForeignAsync($"UPDATE subscription SET email = 'office@example.org' WHERE id = {id}");
        await MergeAsync();
        Assert.That((await BothAsync(id)).Text("email"), Is.EqualTo("office@example.org"));
    }

    /// <summary>Which address it belongs to only the old programs know.</summary>
    [Test]
    public async Task What_belongs_to_other_programs_is_theirs()
    {
        var id = await NewAsync(_ => { });
        await ChangeAsync(id, one => one.Confirm());
        await _world.RunForeignAsync($"UPDATE subscription SET address_id = 17 WHERE id = {id}");
        await MergeAsync();
        var record = await BothAsync(id);
        Assert.That((record.List("legacy_extras").Count, record.Text("confirmation")), Is.EqualTo((1, "confirmed")));
    }

    private async Task<Record> ActAsync(Action<Subscription> frontend, string sql, Action<Subscription>? before = null)
    {
        var id = await NewAsync(before ?? (_ => { }));
        await ChangeAsync(id, frontend);
        Assert.That(await _world.RunForeignAsync(sql.Replace("@id", $"{id}", StringComparison.Ordinal)), Is.EqualTo(1));
        await MergeAsync();
        return await BothAsync(id);
    }

    private async Task<long> NewAsync(Action<Subscription> prepare)
    {
        var subscription = new Subscription(0, Noon, $"{Guid.NewGuid():N}@example.org", "3d0f3cff008000202020202020202020");
        prepare(subscription);
        await _world.Subscriptions.StoreAsync(subscription, CancellationToken.None);
        return subscription.Id;
    }

    private async Task ChangeAsync(long id, Action<Subscription> change)
    {
        var subscription = (await _frontend.FindAsync(id, CancellationToken.None))!;
        change(subscription);
        await _frontend.StoreAsync(subscription, CancellationToken.None);
    }

    // A while goes by.
    private async Task AgeAsync()
    {
        await using var connection = await _world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync("UPDATE strangler_journal SET created_at = created_at - INTERVAL 10 SECOND");
    }

    private async Task MergeAsync()
    {
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(
            (await _world.Host.Sides.Merges.ListAsync(9, CancellationToken.None)).SelectMany(conflict => conflict.Fields.Select(field => field.Field)), Is.Empty);
    }

    private async Task<Record> BothAsync(long id)
    {
        var (legacy, @new) = ((await _world.RecordAsync(SideName.Legacy, id))!, (await _world.RecordAsync(SideName.New, id))!);
        Assert.That(legacy.AgreesWith(@new), Is.True);
        return @new;
    }
}
