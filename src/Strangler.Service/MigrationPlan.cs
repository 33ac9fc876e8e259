using Strangler.DualWrite;
using Strangler.Migrations;
using Strangler.Mongo;
using Strangler.MySql;
using Strangler.Postgres;
using Strangler.Service.Configuration;

namespace Strangler.Service;

/// <summary>Migrations of any number of contexts: which databases, in which order. Contexts that share a database share a target.</summary>
public static class MigrationPlan
{
    /// <summary>How things stand; writes nothing.</summary>
    public static async Task<MigrationStatus> StatusAsync(
        StranglerConfiguration configuration, IReadOnlyList<string> contexts, CancellationToken cancellationToken)
    {
        await using var databases = await Databases.OpenAsync(configuration, contexts, cancellationToken).ConfigureAwait(false);
        return await databases.Runner.StatusAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Applies what is open everywhere. Throws <see cref="MigrationException"/>; see <see cref="MigrationRunner.ApplyAsync"/>.</summary>
    public static async Task<MigrationStatus> ApplyAsync(
        StranglerConfiguration configuration, IReadOnlyList<string> contexts, IProgress<MigrationProgress>? progress, CancellationToken cancellationToken)
    {
        await using var databases = await Databases.OpenAsync(configuration, contexts, cancellationToken).ConfigureAwait(false);
        return await databases.Runner.ApplyAsync(progress, cancellationToken).ConfigureAwait(false);
    }

    private sealed class Databases(IReadOnlyList<SidePair> opened, MigrationRunner runner) : IAsyncDisposable
    {
        public MigrationRunner Runner => runner;

        public static async Task<Databases> OpenAsync(
            StranglerConfiguration configuration, IReadOnlyList<string> contexts, CancellationToken cancellationToken)
        {
            List<string> errors = [];
            List<(string Context, SidePair Pair)> all = [];
            foreach (var context in contexts)
            {
                if (ContextHost.Databases(configuration, context, TimeProvider.System, errors) is { } pair)
                {
                    all.Add((context, pair));
                }
            }

            if (errors.Count > 0)
            {
                throw new ConfigurationException(errors);
            }

            var catalogs = await CatalogsAsync(configuration.Migrations, all.Select(item => item.Pair), cancellationToken).ConfigureAwait(false);
            var targets = all
                .SelectMany(item => new[] { (item.Context, Side: SideName.Legacy, Of: item.Pair.Legacy), (item.Context, Side: SideName.New, Of: item.Pair.New) })
                .Select(item => (item.Context, item.Side, item.Of.Store, Database: item.Of.Migrations(item.Side)))
                .GroupBy(item => (item.Side, item.Store, item.Database.Display))
                .Select(group => new MigrationTarget(
                    group.Key.Side, [.. group.Select(item => item.Context)], group.First().Database, catalogs[group.Key.Store]))
                .ToList();
            return new Databases([.. all.Select(item => item.Pair)], new MigrationRunner(targets));
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var pair in opened)
            {
                await pair.DisposeAsync().ConfigureAwait(false);
            }
        }

        private static async Task<Dictionary<string, MigrationCatalog>> CatalogsAsync(
            string folder, IEnumerable<SidePair> pairs, CancellationToken cancellationToken)
        {
            Dictionary<string, MigrationCatalog> catalogs = new(StringComparer.Ordinal);
            foreach (var store in pairs.SelectMany(pair => new[] { pair.Legacy.Store, pair.New.Store }).Distinct())
            {
                catalogs.Add(store, await (store switch
                {
                    PostgresMigrations.Store => PostgresMigrations.ReadCatalogAsync(folder, cancellationToken),
                    MongoMigrations.Store => MongoMigrations.ReadCatalogAsync(folder, cancellationToken),
                    _ => MySqlMigrations.ReadCatalogAsync(folder, cancellationToken),
                }).ConfigureAwait(false));
            }

            return catalogs;
        }
    }
}
