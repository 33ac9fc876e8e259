using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.MySql;
using Strangler.Schemas;
using Strangler.Service.Configuration;

namespace Strangler.Service;

/// <summary>Compares a mapping file, also a draft, with the legacy database of the context that it is for.</summary>
public static class LegacyTablesCheck
{
    /// <summary>Every difference, in the order of the file. Asks legacy only.</summary>
    /// <exception cref="ConfigurationException">The context is not configured, or its connection string is wrong.</exception>
    /// <exception cref="SideUnavailableException">Legacy does not answer.</exception>
    public static async Task<IReadOnlyList<SchemaDifference>> RunAsync(
        StranglerConfiguration configuration, string file, TimeProvider time, CancellationToken cancellationToken)
    {
        var converters = Contexts.ContextList.All.FirstOrDefault(one => one.Name == Path.GetFileNameWithoutExtension(file))?.Converters;
        var mappings = MappingFile.Load(file, converters);
        var context = ContextCatalog.Find(mappings[0].Context).Name;
        if (SideDatabase.Of(configuration.ConnectionString(context, SideName.Legacy), [], time) is not MySqlSideDatabase { Options: var options })
        {
            throw new ConfigurationException([$"{configuration.PlaceOf(context, SideName.Legacy)} names a PostgreSQL server; legacy sides are MySQL or MariaDB."]);
        }

        if (MySqlSides.ProblemOf(options) is { } problem)
        {
            throw new ConfigurationException([$"{configuration.PlaceOf(context, SideName.Legacy)}: {problem}"]);
        }

        try
        {
            var legacy = MySqlSides.CreateLegacy(options, context, mappings.ToDictionary(mapping => mapping.Kind, mapping => mapping.Legacy.Layout));
            DeclaredTable[] declared = [.. mappings.SelectMany(mapping => mapping.LegacyTables)];
            string[] names = [.. declared.Select(table => table.Name).Distinct()];
            return SchemaRules.Compare(declared, await legacy.Tables.ColumnsAsync(names, cancellationToken).ConfigureAwait(false));
        }
        finally
        {
            await MySqlSides.CloseAsync(options).ConfigureAwait(false);
        }
    }
}
