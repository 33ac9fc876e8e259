using System.Text.RegularExpressions;

namespace Strangler.Migrations;

/// <summary>The migration files of all contexts for one store (<c>mysql</c>, <c>postgres</c>, <c>mongo</c>), in the order in which they are
/// applied.</summary>
public sealed partial class MigrationCatalog
{
    /// <summary>The folder of the side tables; it comes before every context.</summary>
    public const string SideTables = "strangler";

    private MigrationCatalog(string store, IReadOnlyList<MigrationFile> files) => (Store, Files) = (store, files);

    public string Store { get; }

    /// <summary>Side tables first, then context by context, by name within each.</summary>
    public IReadOnlyList<MigrationFile> Files { get; }

    /// <summary>
    /// Reads <c>&lt;folder&gt;/&lt;context&gt;/&lt;store&gt;/NNNN_name.&lt;extension&gt;</c>. Throws <see cref="MigrationException"/> with
    /// every error: names that do not fit, a number used twice, unknown sides, and what <paramref name="lint"/> says of each step.
    /// </summary>
    public static async Task<MigrationCatalog> ReadAsync(
        string folder, string store, Func<string, string?> lint, CancellationToken cancellationToken, string extension = "sql")
    {
        if (!Directory.Exists(folder))
        {
            throw new MigrationException($"There is no folder '{folder}' with migrations.");
        }

        List<string> errors = [];
        List<MigrationFile> files = [];
        foreach (var path in Directory.EnumerateDirectories(folder)
            .Select(context => Path.Combine(context, store)).Where(Directory.Exists)
            .SelectMany(directory => Directory.EnumerateFiles(directory, $"*.{extension}")))
        {
            await ReadFileAsync(path, lint, files, errors, cancellationToken).ConfigureAwait(false);
        }

        errors.AddRange(files.GroupBy(file => (file.Context, file.Name[..4])).Where(group => group.Count() > 1)
            .Select(group => $"{string.Join(" and ", group.Select(file => file.Path))} have the same number."));
        if (errors.Count > 0)
        {
            throw new MigrationException(string.Join(Environment.NewLine, errors));
        }

        return new MigrationCatalog(store, files
            .OrderBy(file => file.Context == SideTables ? 0 : 1)
            .ThenBy(file => file.Context, StringComparer.Ordinal)
            .ThenBy(file => file.Name, StringComparer.Ordinal).ToList());
    }

    private static async Task ReadFileAsync(
        string path, Func<string, string?> lint, List<MigrationFile> files, List<string> errors, CancellationToken cancellationToken)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        if (!FileName().IsMatch(name))
        {
            errors.Add($"{path}: the name must be like 0001_what_it_does.");
            return;
        }

        try
        {
            var context = Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(path)))!;
            var file = MigrationFile.Parse(context, name, path, await File.ReadAllTextAsync(path, cancellationToken).ConfigureAwait(false));
            files.Add(file);
            errors.AddRange(file.Steps.Index().Select(step => (step.Index, Error: lint(step.Item))).Where(step => step.Error is not null)
                .Select(step => $"{path}: step {step.Index + 1}: {step.Error}"));
        }
        catch (MigrationException e)
        {
            errors.Add(e.Message);
        }
    }

    [GeneratedRegex("^[0-9]{4}_[a-z0-9_]+$", RegexOptions.CultureInvariant)]
    private static partial Regex FileName();
}
