using System.Globalization;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Findings;

/// <summary>A row in which declared damage was found.</summary>
/// <param name="Finding">The finding's name.</param>
/// <param name="Id">The public id; of a row that nothing refers to that row's own key.</param>
/// <param name="Evidence">Fields, codes and ids; no personal value.</param>
public sealed record FoundRow(string Finding, long Id, string Evidence);

/// <summary>What was looked at, and found.</summary>
/// <param name="Rows">Legacy rows that were looked at.</param>
/// <param name="Unreadable">Those of them that cannot be read, of which nothing can be told.</param>
/// <param name="Counts">Rows by finding; 0 for one that no row shows.</param>
/// <param name="NotAsked">What could not be asked, and why.</param>
public sealed record FindingsResult(long Rows, long Unreadable, IReadOnlyDictionary<string, long> Counts, IReadOnlyList<string> NotAsked)
{
    public long Total => Counts.Values.Sum();
}

/// <summary>
/// Looks through legacy's rows for the damage that the mapping declares. Reads only, in chunks, with constant memory. What a reference leads to
/// is asked of the other context's legacy side, through that context's own mapping.
/// </summary>
public sealed class FindingsJob(ContextRuntime runtime)
{
    private const int ChunkRows = 1000;

    private readonly List<string> _notAsked = [];

    /// <summary>Tells each row at once, in the order of their ids.</summary>
    public async Task<FindingsResult> RunAsync(
        string kind, IReadOnlyList<DeclaredFinding> findings, Action<FoundRow> found, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        var counts = findings.ToDictionary(finding => finding.Name, _ => 0L, StringComparer.Ordinal);
        var (rows, unreadable) = (0L, 0L);
        var ofRecords = findings.Where(finding => finding.Table is null).ToList();
        if (ofRecords.Count > 0)
        {
            await foreach (var chunk in ChunksAsync(kind, cancellationToken))
            {
                rows += chunk.Rows;
                unreadable += chunk.Rows - chunk.Records.Count;
                await LookAsync(kind, chunk.Records, ofRecords, Tell, cancellationToken);
                progress?.Report(rows);
            }
        }

        foreach (var finding in findings.Where(finding => finding.Table is not null))
        {
            await LookAtTableAsync(finding, Tell, cancellationToken);
        }

        return new FindingsResult(rows, unreadable, counts, [.. _notAsked.Distinct()]);

        void Tell(FoundRow row)
        {
            counts[row.Finding]++;
            found(row);
        }
    }

    private async IAsyncEnumerable<(int Rows, IReadOnlyList<(long Id, Record Record)> Records)> ChunksAsync(
        string kind, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (store, lens) = (runtime.Sides.Legacy.Store, runtime.Kind(kind).Legacy.Lens);
        var from = (await store.BoundsAsync(kind, cancellationToken)).From;
        while (await store.ChunkEndAsync(kind, from, ChunkRows, cancellationToken) is { } end)
        {
            var items = (await store.ReadRangeAsync(kind, from, end, cancellationToken)).Items.Where(item => item.Row is not null).ToList();
            yield return (items.Count, [.. items.Select(item => (item.Id, Record: Read(lens, item.Row!))).Where(one => one.Record is not null).Select(one => (one.Id, one.Record!))]);
            if (end == long.MaxValue)
            {
                yield break;
            }

            from = end + 1;
        }
    }

    internal static Record? Read(IRecordLens lens, AggregateRow row)
    {
        try
        {
            return lens.Get(row);
        }
        catch (UnreadableException)
        {
            return null;
        }
    }

    private async Task LookAsync(
        string kind, IReadOnlyList<(long Id, Record Record)> records, List<DeclaredFinding> findings, Action<FoundRow> tell,
        CancellationToken cancellationToken)
    {
        var references = runtime.References.Where(reference => reference.Kind == kind).ToDictionary(reference => reference.Name, StringComparer.Ordinal);
        var targets = await TargetsAsync(records, findings, references, cancellationToken);
        foreach (var (id, record) in records)
        {
            // A reference that is known to be wrong is no evidence for anything else.
            var isOwn = findings.Where(finding => finding.Check == FindingCheck.OwnId)
                .Any(finding => IsMeant(finding, record) && record.Integer(references[finding.Reference!].Field) == id);
            foreach (var finding in findings.Where(finding => IsMeant(finding, record)))
            {
                var reference = finding.Reference is null ? null : references[finding.Reference];
                if (finding.Listed is { } listed)
                {
                    foreach (var named in ListedChecks.Evidence(finding, listed, id, record, reference!, targets))
                    {
                        tell(new FoundRow(finding.Name, id, named));
                    }

                    continue;
                }

                var evidence = finding.Check switch
                {
                    FindingCheck.Says => SaysSo(finding, record),
                    FindingCheck.OwnId => OwnId(id, record, reference!, targets),
                    FindingCheck.RowSays => RowSays(finding, record),
                    _ when isOwn => null,
                    FindingCheck.NoTarget => NoTarget(record, reference!, targets),
                    FindingCheck.TargetDiffers => TargetDiffers(finding, record, reference!, targets),
                    _ => TargetSays(finding, record, reference!, targets),
                };
                if (evidence is not null)
                {
                    tell(new FoundRow(finding.Name, id, evidence));
                }
            }
        }
    }

    private static bool IsMeant(DeclaredFinding finding, Record record) =>
        finding.Before is not { } day || record.Timestamp(finding.Time!) is not { } time || DateOnly.FromDateTime(time) < day;

    private static string? OwnId(long id, Record record, DeclaredReference reference, FindingTargets targets) =>
        record.Integer(reference.Field) != id ? null
        : reference.Of(record) is not var (target, _) ? $"{reference.Field} is the row's own id"
        : $"{reference.Field} is the row's own id; {FindingTargets.Name(target)} {id} {targets.Describe(target, id)}";

    private static string? SaysSo(DeclaredFinding finding, Record record)
    {
        if (!Says(record, finding.Field!, finding.Value!))
        {
            return null;
        }

        var said = $"{finding.Field} is {finding.Value}";
        return finding.Other is not { } other ? said
            : record[other] is Hidden ? $"{said}; {other} is not told"
            : string.Create(CultureInfo.InvariantCulture, $"{said}; {other} is {record[other]}");
    }

    private static string? RowSays(DeclaredFinding finding, Record record) =>
        Says(record, finding.Field!, finding.Value!) && !Record.ValuesEqual(record.Visible(finding.Other!), DefaultOf(record, finding.Other!))
            ? $"{finding.Field} is {finding.Value}, and {finding.Other} is not empty"
            : null;

    private static string? NoTarget(Record record, DeclaredReference reference, FindingTargets targets) =>
        reference.Of(record) is var (target, id) && targets.Find(target, id) is { IsThere: false }
            ? $"{reference.Field} is {Text(id)}; {FindingTargets.Name(target)} {Text(id)} {targets.Describe(target, id)}"
            : null;

    private static string? TargetDiffers(DeclaredFinding finding, Record record, DeclaredReference reference, FindingTargets targets)
    {
        if (reference.Of(record) is not var (target, id) || targets.Find(target, id)?.Record is not { } there || !there.Schema.Has(finding.Other!))
        {
            return null;
        }

        var (ours, theirs) = (record.Visible(finding.Field!), there.Visible(finding.Other!));
        return Record.ValuesEqual(ours, theirs)
            ? null
            : string.Create(
                CultureInfo.InvariantCulture, $"{finding.Field} is {ours}; {FindingTargets.Name(target)} {id} has {finding.Other} {theirs}");
    }

    private static string? TargetSays(DeclaredFinding finding, Record record, DeclaredReference reference, FindingTargets targets)
    {
        if (!Says(record, finding.Field!, finding.Value!) || reference.Of(record) is not var (target, id)
            || finding.Targets.FirstOrDefault(one => one.When == target.When) is not { } claim || targets.Find(target, id)?.Record is not { } there)
        {
            return null;
        }

        return there.Schema.Has(claim.Field) && Says(there, claim.Field, claim.Value)
            ? $"{finding.Field} is {finding.Value}; {FindingTargets.Name(target)} {Text(id)} has {claim.Field} {claim.Value}"
            : null;
    }

    private static bool Says(Record record, string field, string value) =>
        Convert.ToString(record.Visible(field), CultureInfo.InvariantCulture) is { } said && string.Equals(said, value, StringComparison.OrdinalIgnoreCase);

    private static object? DefaultOf(Record record, string field) => record.Schema.Fields[record.Schema.OrdinalOf(field)].Default;

    private static string Text(long id) => id.ToString(CultureInfo.InvariantCulture);

    private async Task<FindingTargets> TargetsAsync(
        IReadOnlyList<(long Id, Record Record)> records, List<DeclaredFinding> findings, Dictionary<string, DeclaredReference> references,
        CancellationToken cancellationToken)
    {
        var targets = new FindingTargets();
        var wanted = findings.Where(finding => finding.Reference is not null && finding.Listed is null).Select(finding => references[finding.Reference!]).Distinct()
            .SelectMany(reference => records.Select(one => reference.Of(one.Record)))
            .OfType<(ReferenceTarget Target, long Id)>()
            .Concat(findings.Where(finding => finding.Listed is not null).SelectMany(finding => records.SelectMany(
                one => finding.Listed!.Of(one.Record).Select(named => (Target: references[finding.Reference!].Targets[0], named.Id)))));
        foreach (var group in wanted.GroupBy(one => (one.Target.Context, one.Target.Kind)))
        {
            var there = group.Key.Context == runtime.Context ? runtime : runtime.Neighbours.Find(group.Key.Context);
            if (there is null || !there.Kinds.ContainsKey(group.Key.Kind))
            {
                _notAsked.Add(there is null ? $"{group.Key.Context} is not configured here" : $"{group.Key.Context} has no kind {group.Key.Kind}");
                continue;
            }

            long[] ids = [.. group.Select(one => one.Id).Distinct()];
            var found = await there.Sides.Legacy.Store.ReadRangeAsync(group.Key.Kind, ids, cancellationToken);
            targets.Add(group.Key, ids, found.Items, there.Kind(group.Key.Kind).Legacy.Lens);
        }

        return targets;
    }

    private async Task LookAtTableAsync(DeclaredFinding finding, Action<FoundRow> tell, CancellationToken cancellationToken)
    {
        if (runtime.Sides.Legacy.ReferencedRows is not { } rows)
        {
            _notAsked.Add($"{finding.Name}: legacy's store cannot tell");
            return;
        }

        if (finding.Check == FindingCheck.SharedRow)
        {
            for (var after = long.MinValue; await rows.SharedAsync(finding.Kind, finding.Table!, after, ChunkRows, cancellationToken) is { Count: > 0 } page; after = page[^1].Id)
            {
                foreach (var row in page)
                {
                    var more = row.Others > 1 ? $" and {Text(row.Others - 1)} more" : "";
                    tell(new FoundRow(finding.Name, row.Id, $"{finding.Table} {Text(row.Row)} is also that of {finding.Kind} {Text(row.Another)}{more}"));
                }
            }
        }
        else
        {
            for (var after = long.MinValue; await rows.UnreferencedAsync(finding.Kind, finding.Table!, after, ChunkRows, cancellationToken) is { Count: > 0 } page; after = page[^1])
            {
                foreach (var key in page)
                {
                    tell(new FoundRow(finding.Name, key, $"{finding.Table} {Text(key)}: no {finding.Kind} refers to it"));
                }
            }
        }
    }
}
