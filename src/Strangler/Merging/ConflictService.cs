using System.Globalization;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.Merging;

/// <summary>A key that is not in conflict (any more), or has changed since it was looked at; nothing was changed.</summary>
public sealed class NotInConflictException(EntityKey key, string what) : Exception($"{key} {what}")
{
    public EntityKey Key { get; } = key;
}

/// <summary>One clash as an operator sees it: values of personal fields as a keyed hash and their shape, unless revealed.</summary>
public sealed record ShownField(string Field, string Legacy, string New);

/// <summary>What an operator decided, field by field.</summary>
/// <param name="Conflict">What it was about.</param>
/// <param name="Decided">Whose value each field gets.</param>
/// <param name="Applied">Whether it has been done; false: a dry run.</param>
public sealed record Resolution(Conflict Conflict, IReadOnlyList<DecidedField> Decided, bool Applied);

/// <summary>Shows and resolves conflicts between other programs' writes and the new side's.</summary>
public sealed class ConflictService(ContextRuntime runtime)
{
    private const string Absent = "(not there)";

    private readonly ValueMask _mask = new(runtime.Hasher);

    private ContextSides Sides => runtime.Sides;

    /// <summary>Throws <see cref="NotInConflictException"/>.</summary>
    public async Task<Conflict> FindAsync(EntityKey key, CancellationToken cancellationToken) =>
        await Sides.Merges.FindAsync(key, cancellationToken) ?? throw new NotInConflictException(key, "is not in conflict.");

    /// <summary>Both versions of each value, masked as in reports.</summary>
    public IReadOnlyList<ShownField> Show(Conflict conflict) => Show(conflict, _mask.Show);

    /// <summary>
    /// In clear. Who may ask is the caller's to decide; that it was asked, by whom and why is in the audit trail before anything is
    /// returned.
    /// </summary>
    public async Task<IReadOnlyList<ShownField>> RevealAsync(Conflict conflict, string actor, string reason, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(actor);
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        var hint = await LeadAsync(cancellationToken);
        await AuditAsync(hint, "reveal", actor, reason, $"{conflict.Key}: conflict in {Names(conflict)}", cancellationToken);
        return Show(conflict, ValueMask.Clear);
    }

    /// <summary>
    /// Decides a conflict: the named side's values become a new version of the entity, on both sides. Only about what was looked at: a
    /// write since then, on either side, is refused with <see cref="NotInConflictException"/>. Throws <see cref="ArgumentException"/> for
    /// fields that are not in conflict, or not decided.
    /// </summary>
    public async Task<Resolution> ResolveAsync(
        EntityKey key, MergeDecision decision, string actor, string reason, bool apply, CancellationToken cancellationToken)
    {
        var conflict = await FindAsync(key, cancellationToken);
        var decided = Decide(conflict, decision);
        var hint = await LeadAsync(cancellationToken);
        if (hint.Lead == SideName.Legacy && decided.Any(field => field.Winner == SideName.New))
        {
            throw new ArgumentException(
                $"Legacy leads again, so its values stand; what the new side had is brought back by a write, or: strangler repair {runtime.Context} --keys {key.Id}");
        }

        if (!apply)
        {
            return new Resolution(conflict, decided, Applied: false);
        }

        ArgumentException.ThrowIfNullOrWhiteSpace(actor);
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        var detail = string.Join(", ", decided.Select(field => $"{field.Field} = {field.Winner.ToString().ToLowerInvariant()}"));
        await AuditAsync(hint, "resolve", actor, reason, $"{key}: {detail}", cancellationToken);
        await (hint.Lead == SideName.New ? MergeAsync(conflict, decision, cancellationToken) : ForgetAsync(key, cancellationToken));
        return new Resolution(conflict, decided, Applied: true);
    }

    private async Task MergeAsync(Conflict conflict, MergeDecision decision, CancellationToken cancellationToken)
    {
        var seen = new SeenConflict(conflict.Version, conflict.ForeignSeq, decision);
        switch (await new ForeignMerge(runtime).MergeAsync(conflict.Key, seen, cancellationToken))
        {
            case MergeResult.ChangedMeanwhile:
                throw new NotInConflictException(conflict.Key, "has changed since it was listed; nothing was decided. The relay looks at it again; then look again, too.");
            case MergeResult.NotLead:
                throw new SwitchingException(runtime.Context, TimeSpan.Zero);
        }

        // The journal has it, should legacy not answer now.
        await runtime.InlineApply.RunAsync(conflict.Key, SideName.Legacy, new CarriedWrite(default, null), cancellationToken);
        await Sides.New.Journal.RetryAsync(conflict.Key, cancellationToken);
        runtime.Wake();
    }

    private async Task ForgetAsync(EntityKey key, CancellationToken cancellationToken)
    {
        await using var transaction = await Sides.New.Store.BeginAsync(new WriteIntent(key), cancellationToken);
        await transaction.ForgetConflictAsync(key, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
    }

    private static List<DecidedField> Decide(Conflict conflict, MergeDecision decision)
    {
        var names = conflict.Fields.Select(field => field.Field).ToList();
        if (decision.Fields.Keys.FirstOrDefault(field => !names.Contains(field)) is { } unknown)
        {
            throw new ArgumentException($"{conflict.Key} is not in conflict in '{unknown}', but in: {string.Join(", ", names)}.");
        }

        return names.FirstOrDefault(name => decision.Of(name) is null) is { } open
            ? throw new ArgumentException($"Say whose value {open} gets: --field {open}=legacy or {open}=new, or --take for all.")
            : [.. names.Select(name => new DecidedField(name, decision.Of(name)!.Value))];
    }

    private List<ShownField> Show(Conflict conflict, Func<RecordField, object?, string> show)
    {
        var schema = runtime.Kind(conflict.Key.Kind).New.Lens.Schema;
        List<ShownField> shown = [];
        foreach (var field in conflict.Fields)
        {
            if (field.Field == FieldMerge.Existence)
            {
                shown.Add(new ShownField(field.Field, field.Legacy is null ? Absent : "there", field.New is null ? Absent : "there"));
                shown.AddRange(ShowWhole(schema, field, show));
            }
            else if (schema.Has(field.Field))
            {
                var known = schema.Fields[schema.OrdinalOf(field.Field)];
                shown.Add(new ShownField(field.Field, Value(known, field.Legacy), Value(known, field.New)));
            }
        }

        return shown;

        string Value(RecordField field, string? text) => text is null ? Absent : show(field, ConflictValues.Decode(field, text));
    }

    private static IEnumerable<ShownField> ShowWhole(RecordSchema schema, ConflictField field, Func<RecordField, object?, string> show)
    {
        var (legacy, @new) = (Read(field.Legacy), Read(field.New));
        return schema.Fields.Where(one => legacy.ContainsKey(one.Name) || @new.ContainsKey(one.Name))
            .Select(one => new ShownField(one.Name, legacy.GetValueOrDefault(one.Name, ""), @new.GetValueOrDefault(one.Name, "")));

        Dictionary<string, string> Read(string? text) =>
            text is null ? [] : ConflictValues.DecodeRecord(schema, text).ToDictionary(pair => pair.Field.Name, pair => show(pair.Field, pair.Value));
    }

    private static string Names(Conflict conflict) => string.Join(", ", conflict.Fields.Select(field => field.Field));

    private async Task<StageHint> LeadAsync(CancellationToken cancellationToken) =>
        await runtime.Stage.RefreshAsync(cancellationToken) ?? throw new SwitchingException(runtime.Context, TimeSpan.Zero);

    private Task AuditAsync(StageHint hint, string action, string actor, string reason, string detail, CancellationToken cancellationToken)
    {
        var stage = hint.Stage.ToString();
        return Sides.Of(hint.Lead).Audit.AppendAsync(
            new AuditEntry(default, actor, action, stage, stage, hint.Fence.Epoch, false, reason, string.Create(CultureInfo.InvariantCulture, $"{detail}")), cancellationToken);
    }
}
