using Strangler.DualWrite;
using Strangler.Migrations;
using Strangler.MySql;
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

    private sealed class Databases(IReadOnlyList<MySqlSideOptions> opened, MigrationRunner runner) : IAsyncDisposable
    {
        public MigrationRunner Runner => runner;

        public static async Task<Databases> OpenAsync(
            StranglerConfiguration configuration, IReadOnlyList<string> contexts, CancellationToken cancellationToken)
        {
            var catalog = await MySqlMigrations.ReadCatalogAsync(configuration.Migrations, cancellationToken).ConfigureAwait(false);
            List<string> errors = [];
            List<(string Context, SideName Side, MySqlSideOptions Options)> all = [];
            foreach (var context in contexts)
            {
                var (legacy, @new) = ContextHost.SideOptions(configuration, context, TimeProvider.System, errors);
                if (errors.Count == 0)
                {
                    all.AddRange([(context, SideName.Legacy, legacy!), (context, SideName.New, @new!)]);
                }
            }

            if (errors.Count > 0)
            {
                throw new ConfigurationException(errors);
            }

            var targets = all
                .Select(item => (item.Context, item.Side, Database: MySqlMigrations.Database(item.Options, item.Side)))
                .GroupBy(item => (item.Side, item.Database.Display))
                .Select(group => new MigrationTarget(group.Key.Side, [.. group.Select(item => item.Context)], group.First().Database, catalog))
                .ToList();
            return new Databases([.. all.Select(item => item.Options)], new MigrationRunner(targets));
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var options in opened)
            {
                await MySqlSides.CloseAsync(options).ConfigureAwait(false);
            }
        }
    }
}
