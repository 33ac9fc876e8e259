using Strangler.DualWrite;
using Strangler.Mapping;
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
        await using var database = SideDatabase.Of(configuration.ConnectionString(context, SideName.Legacy), [], time);
        if (database.Problem is { } problem)
        {
            throw new ConfigurationException([$"{configuration.PlaceOf(context, SideName.Legacy)}: {problem}"]);
        }

        var layouts = mappings.ToDictionary(mapping => mapping.Kind, mapping => mapping.Legacy.Layout);
        DeclaredTable[] declared = [.. mappings.SelectMany(mapping => mapping.LegacyTables)];
        string[] names = [.. declared.Select(table => table.Name).Distinct()];
        try
        {
            return SchemaRules.Compare(declared, await database.CreateLegacy(context, layouts).Tables.ColumnsAsync(names, cancellationToken).ConfigureAwait(false));
        }
        catch (ArgumentException exception)
        {
            throw ContextHost.NotOnSuchAServer(configuration, context, database, exception);
        }
    }
}
