using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Fates;
using Strangler.Mapping;
using Strangler.Schemas;
using Strangler.Service.Configuration;

namespace Strangler.Service;

/// <summary>A legacy table and what becomes of it.</summary>
/// <param name="Database">Where it is.</param>
/// <param name="Table">Its name.</param>
/// <param name="Fate">Null: no mapping file says anything of it.</param>
/// <param name="Context">Whose mapping file says so.</param>
/// <param name="Kind">Whose rows or parts its rows are; "" for none.</param>
/// <param name="Into">The new root table; "" for none.</param>
/// <param name="Reason">Why.</param>
/// <param name="LegacyRows">Null: it is not there.</param>
/// <param name="NewRows">Entities on the new side, of a table that is migrated; null where there is none, or it cannot be asked.</param>
/// <param name="Unreadable">Of these rows, those in quarantine.</param>
public sealed record FateRow(
    string Database, string Table, TableFate? Fate, string Context, string Kind, string Into, string Reason, long? LegacyRows, long? NewRows, long? Unreadable);

/// <summary>The fates of all legacy tables of an installation, beside the live catalogue.</summary>
public static class FateList
{
    /// <summary>
    /// Every table of the configured contexts' legacy databases, in the order of their names, and those that a mapping reads and that are not there.
    /// Mapping files of contexts that are not configured count as well: their tables lie beside the others.
    /// </summary>
    public static async Task<IReadOnlyList<FateRow>> ReadAsync(
        StranglerConfiguration configuration, ILoggerFactory loggers, TimeProvider time, CancellationToken cancellationToken)
    {
        var fates = FateRules.Of(ContextCatalog.Names
            .Where(name => File.Exists(ContextCatalog.MappingFileOf(configuration, name)))
            .SelectMany(name => ContextCatalog.LoadMapping(configuration, name).Values));
        var hosts = new List<ContextHost>();
        try
        {
            hosts.AddRange(configuration.Configured.Select(name => ContextHost.Open(configuration, name, loggers, time)));
            List<FateRow> rows = [];
            foreach (var sharing in hosts.GroupBy(host => host.LegacyDatabase))
            {
                rows.AddRange(await ReadAsync([.. sharing], fates, configuration.Configured, cancellationToken).ConfigureAwait(false));
            }

            return rows;
        }
        finally
        {
            foreach (var host in hosts)
            {
                await host.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private static async Task<List<FateRow>> ReadAsync(
        List<ContextHost> hosts, IReadOnlyList<FateOfTable> all, IReadOnlyList<string> configured, CancellationToken cancellationToken)
    {
        // What a context has elsewhere is not meant here.
        var fates = all.Where(fate => hosts.Exists(host => host.Name == fate.Context) || !configured.Contains(fate.Context)).ToList();
        var tables = await TablesAsync(hosts[0], cancellationToken).ConfigureAwait(false);
        var database = hosts[0].LegacyDatabase;
        List<FateRow> rows = [.. FateRules.Undeclared(tables.Select(table => table.Table), fates)
            .Select(table => new FateRow(database, table, null, "", "", "", "", RowsOf(tables, table), null, null))];
        foreach (var fate in fates)
        {
            var legacy = RowsOf(tables, fate.Table);
            var host = hosts.Find(host => host.Name == fate.Context);
            if (legacy is null && (host is null || fate.Fate is TableFate.Kept or TableFate.Dropped))
            {
                continue;
            }

            var (fresh, unreadable) = fate.Fate == TableFate.Migrated && host is not null
                ? await NewRowsAsync(host, fate.Kind, cancellationToken).ConfigureAwait(false)
                : (null, null);
            rows.Add(new FateRow(database, fate.Table, fate.Fate, fate.Context, fate.Kind, fate.Into, fate.Reason, legacy, fresh, unreadable));
        }

        return [.. rows.OrderBy(row => row.Table, StringComparer.Ordinal).ThenBy(row => row.Context, StringComparer.Ordinal)];
    }

    private static Task<IReadOnlyList<TableRows>> TablesAsync(ContextHost host, CancellationToken cancellationToken) =>
        (host.Sides.LegacyTables ?? throw new NotSupportedException($"The legacy side of {host.Name} does not show its tables.")).CountAllAsync(cancellationToken);

    private static long? RowsOf(IReadOnlyList<TableRows> tables, string name) => tables.FirstOrDefault(table => FateRules.Same(table.Table, name))?.Rows;

    // Before the first migration there is nothing to count, and of a new side that is down nothing is known.
    private static async Task<(long? Rows, long? Unreadable)> NewRowsAsync(ContextHost host, string kind, CancellationToken cancellationToken)
    {
        try
        {
            return (
                await host.Sides.New.Store.CountAsync(kind, cancellationToken).ConfigureAwait(false),
                (await host.Sides.Quarantine.CountAsync(kind, cancellationToken).ConfigureAwait(false)).All);
        }
        catch (Exception exception) when (exception is NotMigratedException or SideUnavailableException)
        {
            return (null, null);
        }
    }
}
