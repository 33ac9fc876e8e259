using Dapper;
using Strangler.Contexts.AddressChanges;
using Strangler.Contexts.BackOfficeUsers;
using Strangler.Contexts.Buckets;
using Strangler.Contexts.ChangeLog;
using Strangler.Contexts.Impressions;
using Strangler.Contexts.Memberships;
using Strangler.Contexts.Subscriptions;
using Strangler.DualWrite;
using Strangler.IntegrationTests.AddressChanges;
using Strangler.IntegrationTests.BackOfficeUsers;
using Strangler.IntegrationTests.Buckets;
using Strangler.IntegrationTests.ChangeLog;
using Strangler.IntegrationTests.Impressions;
using Strangler.IntegrationTests.Memberships;
using Strangler.IntegrationTests.Postgres;
using Strangler.IntegrationTests.Subscriptions;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>
/// Every context whose new side may be in PostgreSQL as well as in MySQL, but for donations, which have tests of their own: its schema there, all kinds of
/// its rows, stored by either side while it leads, and what it asks beside single entities.
/// </summary>
[TestFixtureSource(nameof(Contexts))]
internal sealed class NewSideInPostgresTests
{
    private const int Rows = 320;

    private readonly ContextUnderTest _context;
    private ContextWorld _world = null!;
    private List<LegacyExample> _examples = null!;

    public NewSideInPostgresTests(ContextUnderTest context) => _context = context;

    public static IEnumerable<ContextUnderTest> Contexts =>
    [
        new("subscriptions", async () => await SubscriptionsWorld.CreateAsync(),
            (world, id) => SaveAsync(world.Host.Part<SubscriptionsContext>().Subscriptions, id, one => one.ComeFrom("somewhere else")),
            async world =>
            {
                var subscriptions = world.Host.Part<SubscriptionsContext>().Subscriptions;
                var one = await subscriptions.FindAsync(await AnyAsync(world, "SELECT id FROM subscription WHERE LENGTH(confirmationCode) > 0 AND email <> '' ORDER BY id LIMIT 1"), default);
                return $"{(await subscriptions.FindByConfirmationCodeAsync(one!.ConfirmationCode, default))?.Id} "
                    + $"{await subscriptions.CountSimilarAsync(one.Email.ToUpperInvariant(), new DateTime(1990, 1, 1), default)}";
            }),
        new("memberships", async () => await MembershipsWorld.CreateAsync(),
            (world, id) => SaveAsync(world.Host.Part<MembershipsContext>().Memberships, id, one => one.Track(new("other", "word"))),
            async world =>
            {
                var memberships = world.Host.Part<MembershipsContext>().Memberships;
                var lists = await Task.WhenAll(Enum.GetValues<MembershipList>().Select(list => memberships.ListAsync(list, 0, 1000, default)));
                var email = await TextAsync(world, "SELECT email FROM request WHERE email <> '' ORDER BY id LIMIT 1");
                return $"{string.Join('|', lists.SelectMany(list => list))} {await memberships.CountSimilarAsync(email.ToUpperInvariant(), new DateTime(1990, 1, 1), default)}";
            }),
        new("address-changes", async () => await AddressChangesWorld.CreateAsync(),
            (world, id) => SaveAsync(world.Host.Part<AddressChangesContext>().AddressChanges, id, one => one.OptOutOfReceipt(Guid.NewGuid().ToString(), new DateTime(2022, 6, 1))),
            async world =>
            {
                var changes = world.Host.Part<AddressChangesContext>().AddressChanges;
                var one = await changes.FindAsync(
                    await AnyAsync(world, "SELECT id FROM address_change WHERE current_identifier <> '' AND external_id > 0 ORDER BY id LIMIT 1"), default);
                return $"{(await changes.FindByIdentifierAsync(one!.CurrentIdentifier, default))?.Id} {(await changes.FindByOwnerAsync(one.Owner, default))?.Id}";
            }),
        new("back-office-users", async () => await UsersWorld.CreateAsync(),
            (world, id) => SaveAsync(world.Host.Part<BackOfficeUsersContext>().Users, id, one => one.ChangePassword(new("x"), new DateTime(2022, 6, 1))),
            async world =>
            {
                var users = world.Host.Part<BackOfficeUsersContext>().Users;
                var one = await users.FindAsync(await AnyAsync(world, "SELECT user_id FROM users WHERE user_name <> '' ORDER BY user_id LIMIT 1"), default);
                return $"{(await users.FindByNameAsync(one!.Name.ToUpperInvariant(), default))?.Id} {(await users.FindByEmailAsync(one.Email, default))?.Id}";
            }),
        new("impressions", async () => await ImpressionsWorld.CreateAsync(ImpressionsContext.ImpressionKind),
            (world, id) => SaveAsync(world.Host.Part<ImpressionsContext>().Impressions, id, one => one.BelongTo(one.BannerId + 1)),
            async world =>
            {
                var context = world.Host.Part<ImpressionsContext>();
                var banner = await AnyAsync(world, "SELECT banner_id FROM backend_banner WHERE cn_name <> '' ORDER BY banner_id LIMIT 1");
                var name = (await context.Banners.FindAsync(banner, default))!.Name;
                return $"{(await context.Banners.FindByNameAsync(name, default))?.Id} {await context.Impressions.CountAsync(banner, default)} {await context.Impressions.CountAsync(0, default)}";
            }),
        new("buckets", async () => await BucketsWorld.CreateAsync(), null,
            async world => string.Join('|', await world.Host.Part<BucketsContext>().BucketLogs.CountAsync(
                await TextAsync(world, "SELECT campaign FROM bucket_log_bucket WHERE campaign <> '' ORDER BY id LIMIT 1"), LoggedEvent.DonationCreated, default))),
        new("change-log", async () => await ChangeLogWorld.CreateAsync(), null,
            async world => string.Join('|', await world.Host.Part<ChangeLogContext>().Actions.FindOfUserAsync(
                await TextAsync(world, "SELECT al_username FROM action_log WHERE al_username <> '' ORDER BY al_id LIMIT 1"), 50, default))),
    ];

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await TestServers.WithNewSideInPostgresAsync(_context.CreateAsync);
        _examples = [.. (await _world.FillExamplesAsync(Rows)).Where(row => !row.IsUnreadable)];
    }

    [OneTimeTearDown]
    public async Task DropWorld() => await _world.DisposeAsync();

    [Test]
    [Order(1)]
    public async Task Its_tables_are_what_the_mapping_says()
    {
        await using var connection = await _world.NewDatabase.OpenAsync();
        var columns = (await connection.QueryAsync<(string Table, string Column, string Type, bool IsNullable, bool HasDefault)>("""
            SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, a.atthasdef OR a.attidentity <> ''
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'strangler%'
            """)).ToDictionary(column => (column.Table, column.Column));
        var tables = _world.Host.Mappings.Values.SelectMany(mapping => mapping.New.Layout.Tables).ToList();
        Assert.That(columns.Keys.Select(key => key.Table).Distinct(), Is.EquivalentTo(tables.Select(table => table.Name)));
        foreach (var (table, column) in tables.SelectMany(table => table.Columns.Select(column => (table, column))))
        {
            var actual = columns[(table.Name, column.Name)];
            Assert.That(actual.Type, Is.AnyOf(PostgresTypes.Of(column)), $"{table.Name}.{column.Name}");
            Assert.That(actual.IsNullable, Is.EqualTo(column.Nullable), $"{table.Name}.{column.Name}");
            Assert.That(actual.HasDefault || column.Type is ColumnType.DateTime or ColumnType.Binary, $"{table.Name}.{column.Name} has no default");
        }
    }

    [Test]
    [Order(2)]
    public async Task Whatever_legacy_holds_comes_over_is_stored_by_either_side_and_answers_are_the_same()
    {
        await _world.MoveToAsync(Stage.DualWrite);
        await _world.BackfillAsync();
        await SaveEachAsync(0);
        await _world.MoveToAsync(Stage.ShadowRead);
        var answer = await _context.AskAsync(_world);
        Assert.That(answer.Trim(), Is.Not.Empty);
        await _world.MoveToAsync(Stage.NewLeads);
        Assert.That(await _context.AskAsync(_world), Is.EqualTo(answer));
        await SaveEachAsync(1);
        await AssertCleanAsync();
        await _world.MoveToAsync(Stage.DualWrite);
        await AssertCleanAsync();
        await _world.MoveToAsync(Stage.NewOnly);
        if (_context.SaveAsync is { } save)
        {
            await save(_world, _examples[0].Id);
        }
    }

    // Of each kind of row another one a half: first unchanged, to the byte, then changed.
    private async Task SaveEachAsync(int half)
    {
        if (_context.SaveAsync is not { } save)
        {
            return;
        }

        foreach (var kind in _examples.SelectMany(row => row.Kinds).Distinct().Order(StringComparer.Ordinal).ToList())
        {
            if (_examples.Where(row => row.Kinds.Contains(kind)).Skip(half).FirstOrDefault() is { } row)
            {
                await save(_world, row.Id);
            }
        }
    }

    private async Task AssertCleanAsync()
    {
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        foreach (var kind in _world.Host.Runtime.Kinds.Keys)
        {
            var report = await _world.ReconcileAsync(kind);
            Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        }
    }

    private static async Task SaveAsync<T>(RepositoryWrapper<T> wrapper, long id, Action<T> change)
        where T : class
    {
        if (await wrapper.FindAsync(id, CancellationToken.None) is not { } entity)
        {
            return;
        }

        await wrapper.StoreAsync(entity, CancellationToken.None);
        try
        {
            change(entity);
            await wrapper.StoreAsync(entity, CancellationToken.None);
        }
        catch (Exception exception) when (exception is CannotHoldException or InvalidOperationException)
        {
            // Its state does not allow that change, or legacy could not hold it; then it is on neither side.
        }
    }

    private static async Task<long> AnyAsync(ContextWorld world, string sql)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        return await connection.ExecuteScalarAsync<long>(sql);
    }

    private static async Task<string> TextAsync(ContextWorld world, string sql)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        return (await connection.ExecuteScalarAsync<string>(sql))!;
    }
}

/// <summary>A context for <see cref="NewSideInPostgresTests"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="CreateAsync">Makes its world.</param>
/// <param name="SaveAsync">Stores an entity unchanged and then changed; null where callers only add.</param>
/// <param name="AskAsync">What it asks of the side that leads, beside single entities.</param>
internal sealed record ContextUnderTest(
    string Name, Func<Task<ContextWorld>> CreateAsync, Func<ContextWorld, long, Task>? SaveAsync, Func<ContextWorld, Task<string>> AskAsync)
{
    public override string ToString() => Name;
}
