using Strangler.DualWrite;

namespace Strangler.Migrations;

/// <summary>One database with the contexts that live in it.</summary>
/// <param name="Side">Which side of those contexts it is.</param>
/// <param name="Contexts">Contexts whose side it is; the side tables come with them.</param>
/// <param name="Database">The database.</param>
/// <param name="Catalog">The files for its store.</param>
public sealed record MigrationTarget(SideName Side, IReadOnlyList<string> Contexts, IMigrationDatabase Database, MigrationCatalog Catalog);

public enum MigrationState
{
    Pending,

    /// <summary>A run was interrupted; the next one goes on.</summary>
    Partial,
    Applied,

    /// <summary>Its applied steps are not those in the file. Nothing is applied until the file is as it was.</summary>
    Edited,

    /// <summary>Applied, but the file is gone.</summary>
    Missing,
}

/// <summary>One file on one database.</summary>
/// <param name="Done">Steps that have happened.</param>
/// <param name="File">Null when it is missing.</param>
public sealed record MigrationItem(string Context, string Name, MigrationState State, int Done, int Steps, MigrationFile? File);

/// <summary>One database's migrations in order, and what stands against applying them.</summary>
public sealed record TargetStatus(string Database, SideName Side, IReadOnlyList<MigrationItem> Items, IReadOnlyList<string> Problems)
{
    public IEnumerable<MigrationItem> Open => Items.Where(item => item.State is MigrationState.Pending or MigrationState.Partial);
}

/// <summary>All databases. What the CLI shows for <c>migrate --status</c> and <c>--dry-run</c>; the steps still to come are in the items'
/// files.</summary>
public sealed record MigrationStatus(IReadOnlyList<TargetStatus> Targets)
{
    public bool IsUpToDate => Targets.All(target => target.Problems.Count == 0 && !target.Open.Any());

    public IEnumerable<string> Problems => Targets.SelectMany(target => target.Problems.Select(problem => $"{target.Database}: {problem}"));
}

/// <summary>A step that has just been applied.</summary>
public sealed record MigrationProgress(string Database, string Context, string Name, int Step, int Steps);

/// <summary>
/// Applies migrations across contexts, sides and stores with one command. A killed run is resumed by the next one; two at once exclude each
/// other; an edited or missing applied file stops everything before anything is written.
/// </summary>
public sealed class MigrationRunner(IReadOnlyList<MigrationTarget> targets)
{
    /// <summary>How long a run waits for another one that holds a database's lock; default 10 s.</summary>
    public TimeSpan LockWait { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How things stand; writes nothing. It is also the plan: what is pending or partial would be applied, in this
    /// order.</summary>
    public async Task<MigrationStatus> StatusAsync(CancellationToken cancellationToken)
    {
        List<TargetStatus> all = [];
        foreach (var target in targets)
        {
            all.Add(await StatusAsync(target, cancellationToken).ConfigureAwait(false));
        }

        return new MigrationStatus(all);
    }

    /// <summary>Applies what is open on every database; returns how things stand afterwards.</summary>
    /// <exception cref="MigrationException">A problem on any database (nothing was written then), another run, or a step that
    /// failed.</exception>
    public async Task<MigrationStatus> ApplyAsync(IProgress<MigrationProgress>? progress, CancellationToken cancellationToken)
    {
        var before = await StatusAsync(cancellationToken).ConfigureAwait(false);
        Refuse(before.Problems.ToList());
        foreach (var target in targets)
        {
            await ApplyAsync(target, progress, cancellationToken).ConfigureAwait(false);
        }

        return await StatusAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task ApplyAsync(MigrationTarget target, IProgress<MigrationProgress>? progress, CancellationToken cancellationToken)
    {
        var session = await target.Database.LockAsync(LockWait, cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            // Read again under the lock: another run may have been there in between.
            var items = Items(target, await target.Database.ReadRecordsAsync(cancellationToken).ConfigureAwait(false)).ToList();
            Refuse(Problems(items));
            foreach (var (item, record) in items.Where(item => item.Item.State is MigrationState.Pending or MigrationState.Partial))
            {
                for (var step = item.Done + 1; step <= item.Steps; step++)
                {
                    await session.ApplyStepAsync(item.File!, step, step == record?.Started, cancellationToken).ConfigureAwait(false);
                    progress?.Report(new MigrationProgress(target.Database.Display, item.Context, item.Name, step, item.Steps));
                }
            }

            foreach (var context in target.Contexts)
            {
                await session.EnsureFenceAsync(context, target.Side, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static async Task<TargetStatus> StatusAsync(MigrationTarget target, CancellationToken cancellationToken)
    {
        var problems = await target.Database.PreflightAsync(cancellationToken).ConfigureAwait(false);
        var items = Items(target, await target.Database.ReadRecordsAsync(cancellationToken).ConfigureAwait(false)).ToList();
        return new TargetStatus(target.Database.Display, target.Side, items.ConvertAll(item => item.Item),
            [.. problems, .. Problems(items)]);
    }

    private static IEnumerable<(MigrationItem Item, MigrationRecord? Record)> Items(MigrationTarget target,
        IReadOnlyList<MigrationRecord> records)
    {
        var known = records.ToDictionary(record => (record.Context, record.Name));
        foreach (var file in target.Catalog.Files.Where(file => IsFor(target, file.Context) && file.AppliesTo(target.Side)))
        {
            known.Remove((file.Context, file.Name), out var record);
            yield return (new MigrationItem(file.Context, file.Name, StateOf(file, record), record?.Done ?? 0, file.Steps.Count, file),
                record);
        }

        foreach (var record in known.Values.Where(record => IsFor(target, record.Context)))
        {
            yield return (new MigrationItem(record.Context, record.Name, MigrationState.Missing, record.Done, record.Steps, null), record);
        }
    }

    // Of an interrupted file only the steps that have happened are fixed: the one that failed must be correctable.
    private static MigrationState StateOf(MigrationFile file, MigrationRecord? record) => record switch
    {
        null => MigrationState.Pending,
        { IsApplied: true } => record.Checksum == file.Checksum ? MigrationState.Applied : MigrationState.Edited,
        _ when record.Done > file.Steps.Count || file.PrefixChecksum(record.Done) != record.DonePrefix => MigrationState.Edited,
        { Started: 0 } => MigrationState.Pending,
        _ => MigrationState.Partial,
    };

    private static bool IsFor(MigrationTarget target, string context) => context == MigrationCatalog.SideTables
        || target.Contexts.Contains(context);

    private static List<string> Problems(IEnumerable<(MigrationItem Item, MigrationRecord? Record)> items) =>
        items.Select(item => item.Item).Where(item => item.State is MigrationState.Edited or MigrationState.Missing)
            .Select(item => item.State == MigrationState.Edited
                ? $"{item.File!.Path} was edited after it had been applied; restore it and put the change into a new file."
                : $"{item.Context}/{item.Name} is applied, but its file is missing; restore it.").ToList();

    private static void Refuse(List<string> problems)
    {
        if (problems.Count > 0)
        {
            throw new MigrationException(string.Join(Environment.NewLine, problems));
        }
    }
}
