using System.Globalization;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>One entity in clear.</summary>
public sealed record RevealedEntity(long Id, Verdict Verdict, IReadOnlyList<FieldDifference> Fields);

/// <summary>What was shown in clear.</summary>
/// <param name="Values">How many values: one a field and side that holds one.</param>
/// <param name="Entities">The report's samples that have a public id.</param>
public sealed record Revelation(long Values, IReadOnlyList<RevealedEntity> Entities);

/// <summary>
/// The present clear values of a report's samples, read anew from both sides: a report never holds them, so what was erased since stays
/// erased. Who may ask is
/// the caller's to decide; that it was asked, by whom, why and for what is in the audit trail before anything is returned.
/// </summary>
public sealed class Revealer(ContextRuntime runtime)
{
    /// <summary>
    /// Throws <see cref="ArgumentException"/> without actor or reason, <see cref="WrongStageException"/> where there are no two sides.
    /// </summary>
    public async Task<Revelation> RevealAsync(ReconciliationReport report, string actor, string reason, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(actor);
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        var kind = runtime.Kind(report.Kind);
        var reader = new PairReader(runtime, kind);
        var (lead, fence) = await reader.RequireDualAsync("Revealing", cancellationToken);
        var samples = report.Samples.Where(sample => sample.Id != 0).ToList();
        var pairs = (await reader.ReadKeysAsync(samples.Select(sample => sample.Id), withClocks: true, cancellationToken)).ToDictionary(
            pair => pair.Id);
        var entities = samples.Select(sample => Reveal(sample, pairs[sample.Id], kind.Legacy.Lens.Schema)).ToList();
        var values = entities.Sum(Values);
        var audit = runtime.Sides.Of(lead).Audit;
        foreach (var entity in entities)
        {
            var detail = string.Create(
                CultureInfo.InvariantCulture, $"{new EntityKey(report.Kind, entity.Id)}: {Values(entity)} of {values} values of run {report.RunId}");
            await audit.AppendAsync(
                new AuditEntry(default, actor, "reveal", fence.Stage.ToString(), fence.Stage.ToString(), fence.Epoch, false, reason,
                    detail),
                cancellationToken);
        }

        return new Revelation(values, entities);
    }

    private static long Values(RevealedEntity entity) =>
        entity.Fields.Sum(field => (field.Legacy != Absent ? 1 : 0) + (field.New != Absent ? 1 : 0));

    private const string Absent = "(not there)";

    // An entity that differs in no field (it is missing on a side) shows every field that says something.
    private static RevealedEntity Reveal(EntityFinding sample, PairView pair, RecordSchema schema)
    {
        var fields = sample.Fields.Count > 0
            ? sample.Fields.Where(field => schema.Has(field.Field)).Select(field => schema.Fields[schema.OrdinalOf(field.Field)])
            : schema.Fields.Where(field => Says(pair.Legacy, field) || Says(pair.New, field));
        return new RevealedEntity(
            sample.Id, sample.Verdict, [.. fields.Select(field =>
                new FieldDifference(field.Name, Show(pair.Legacy, field), Show(pair.New, field)))]);
    }

    private static bool Says(SideView view, RecordField field) =>
        view.Record is { } record && record.Values[field.Ordinal] is not Hidden
            && !Record.ValuesEqual(record.Values[field.Ordinal], field.Default);

    private static string Show(SideView view, RecordField field) =>
        view.Unreadable is not null ? "(cannot be read)"
        : view.Record is { } record ? ValueMask.Clear(field, record.Values[field.Ordinal])
        : Absent;
}
