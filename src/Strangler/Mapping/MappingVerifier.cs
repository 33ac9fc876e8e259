using Strangler.Mapping.Lenses;
using Strangler.Mapping.Verification;

namespace Strangler.Mapping;

/// <summary>A law that does not hold for a row.</summary>
/// <param name="Law"><c>GetPut</c>, <c>PutGet</c>, <c>PutBack</c> or <c>NewRoundTrip</c>.</param>
/// <param name="Field">The first field, table or column that shows it.</param>
public sealed record LawViolation(long Id, string Law, string Field);

/// <summary>A row that cannot be read, or that the new side cannot hold. Place and reason never hold a value.</summary>
/// <param name="Place">The legacy place; of what the new side cannot hold the field.</param>
public sealed record RefusedRow(long Id, string Place, string Reason);

/// <summary>How far a verification has come.</summary>
public sealed record MappingVerificationProgress(long Rows, long Readable, long Violations);

/// <summary>What a verification found: counts only, no values.</summary>
public sealed class MappingVerification
{
    public long Rows { get; internal set; }

    public long Readable { get; internal set; }

    public long Unreadable => Rows - Readable;

    /// <summary>Rows that cannot be read, by place and reason.</summary>
    public IReadOnlyDictionary<(string Place, string Reason), long> UnreadableBy => UnreadableCounts;

    /// <summary>The first thousand rows that would stand in quarantine, in the order they were read.</summary>
    public IReadOnlyList<RefusedRow> Quarantined => RefusedList;

    /// <summary>Rows that hide a field, by field.</summary>
    public IReadOnlyDictionary<string, long> HiddenBy => HiddenCounts;

    /// <summary>Rows in which a copy of a field says something else than the field, by the copy's place.</summary>
    public IReadOnlyDictionary<string, long> DisagreeingMirrors => MirrorCounts;

    /// <summary>Rows that the new side cannot hold, by field. They would be parked by a backfill.</summary>
    public IReadOnlyDictionary<string, long> RefusedByNew => NewCounts;

    /// <summary>Trial changes that legacy refused, by field. A refusal is lawful; a field with nothing but refusals is
    /// suspicious.</summary>
    public IReadOnlyDictionary<string, long> TrialsRefused => TrialCounts;

    public long Violations { get; internal set; }

    /// <summary>The first hundred.</summary>
    public IReadOnlyList<LawViolation> Samples => SampleList;

    internal Dictionary<(string Place, string Reason), long> UnreadableCounts { get; } = [];

    internal Dictionary<string, long> HiddenCounts { get; } = new(StringComparer.Ordinal);

    internal Dictionary<string, long> MirrorCounts { get; } = new(StringComparer.Ordinal);

    internal Dictionary<string, long> NewCounts { get; } = new(StringComparer.Ordinal);

    internal Dictionary<string, long> TrialCounts { get; } = new(StringComparer.Ordinal);

    internal List<LawViolation> SampleList { get; } = [];

    internal List<RefusedRow> RefusedList { get; } = [];
}

/// <summary>
/// Checks the laws of a mapping on real rows: nothing is written. Each row is read, put back, changed on trial (several fields, values at
/// the limits of their
/// types), changed back, and carried to the new side and back. Memory does not grow with the rows.
/// </summary>
/// <param name="mapping">The mapping.</param>
/// <param name="seed">Of the trial changes: the same seed tries the same on the same rows.</param>
/// <param name="trials">Trial changes a row. 0 and more.</param>
public sealed class MappingVerifier(CompiledMapping mapping, int seed = 1, int trials = 2)
{
    private const int MostSamples = 100;
    private const int MostRefused = 1000;
    private const int ReportEvery = 1000;

    /// <summary>Reads the stream to its end.</summary>
    public async Task<MappingVerification> RunAsync(
        IAsyncEnumerable<(long Id, AggregateRow Row)> rows, IProgress<MappingVerificationProgress>? progress,
            CancellationToken cancellationToken)
    {
        var result = new MappingVerification();
        var mutators = Enumerable.Range(0, trials).Select(trial => new RecordMutator(mapping, RecordMutator.Mix(seed, trial))).ToArray();
        await foreach (var (id, row) in rows.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            Check(id, row, mutators, result);
            if (result.Rows % ReportEvery == 0)
            {
                progress?.Report(new MappingVerificationProgress(result.Rows, result.Readable, result.Violations));
            }
        }

        progress?.Report(new MappingVerificationProgress(result.Rows, result.Readable, result.Violations));
        return result;
    }

    private void Check(long id, AggregateRow row, RecordMutator[] mutators, MappingVerification result)
    {
        result.Rows++;
        Record record;
        try
        {
            record = mapping.Legacy.Get(row);
        }
        catch (UnreadableException exception)
        {
            Count(result.UnreadableCounts, (exception.Place, exception.Reason));
            Refuse(result, new RefusedRow(id, exception.Place, exception.Reason));
            return;
        }

        result.Readable++;
        Count(record, result);
        CheckGetPut(id, row, record, result);
        CheckNew(id, record, result);
        foreach (var mutator in mutators)
        {
            CheckTrial(id, row, record, mutator.Mutate(record, id), result);
        }
    }

    private void Count(Record record, MappingVerification result)
    {
        for (var i = 0; i < record.Values.Length; i++)
        {
            if (record.Values[i] is Hidden)
            {
                Count(result.HiddenCounts, mapping.Schema.Fields[i].Name);
            }
        }

        if (mapping.Extras is { } extras)
        {
            foreach (var extra in record.List(extras.Name).Rows.Where(extra => mapping.MirrorExtras.Contains((string)extra[0]!)))
            {
                Count(result.MirrorCounts, (string)extra[0]!);
            }
        }
    }

    private void CheckGetPut(long id, AggregateRow row, Record record, MappingVerification result)
    {
        var before = row.Clone();
        try
        {
            var back = mapping.Legacy.Put(record, row);
            if (!back.SameAs(before) || !row.SameAs(before))
            {
                Violate(result, id, "GetPut", FirstDifference(before, back));
            }
        }
        catch (CannotHoldException exception)
        {
            Violate(result, id, "GetPut", exception.Field);
        }
    }

    private void CheckNew(long id, Record record, MappingVerification result)
    {
        try
        {
            var there = mapping.New.Get(mapping.New.Put(record, null));
            for (var i = 0; i < record.Values.Length; i++)
            {
                if (!Record.ValuesEqual(there.Values[i], Values.Resolve(record.Values[i])))
                {
                    Violate(result, id, "NewRoundTrip", mapping.Schema.Fields[i].Name);
                }
            }
        }
        catch (CannotHoldException exception)
        {
            Count(result.NewCounts, exception.Field);
            Refuse(result, new RefusedRow(id, exception.Field, $"the new side cannot hold it: {exception.Reason}"));
        }
        catch (UnreadableException exception)
        {
            Violate(result, id, "NewRoundTrip", exception.Place);
        }
    }

    // A refusal is lawful when a format or a converter gave it with its reason; the lens's last check gives it for what they got wrong.
    private void CheckTrial(long id, AggregateRow row, Record record, Record changed, MappingVerification result)
    {
        var before = row.Clone();
        var law = "PutGet";
        try
        {
            var written = mapping.Legacy.Put(changed, row);
            CheckShows(id, law, written, changed, result);
            law = "PutBack";
            CheckShows(id, law, mapping.Legacy.Put(record, written), record, result);
        }
        catch (CannotHoldException exception)
        {
            Count(result.TrialCounts, exception.Field);
            if (exception.Reason == LegacyLens.ShowsOther)
            {
                Violate(result, id, law, exception.Field);
            }
        }
        catch (UnreadableException exception)
        {
            Violate(result, id, law, exception.Place);
        }

        if (!row.SameAs(before))
        {
            Violate(result, id, "PutGet", FirstDifference(before, row));
        }
    }

    private void CheckShows(long id, string law, AggregateRow written, Record wanted, MappingVerification result)
    {
        var shown = mapping.Legacy.Get(written);
        for (var i = 0; i < wanted.Values.Length; i++)
        {
            if (!Values.Agree(shown.Values[i], wanted.Values[i]))
            {
                Violate(result, id, law, mapping.Schema.Fields[i].Name);
            }
        }
    }

    private static string FirstDifference(AggregateRow left, AggregateRow right)
    {
        for (var table = 0; table < left.Tables.Length; table++)
        {
            var layout = left.Layout.Tables[table];
            if (left.Tables[table].Count != right.Tables[table].Count)
            {
                return layout.Name;
            }

            for (var row = 0; row < left.Tables[table].Count; row++)
            {
                for (var column = 0; column < layout.Columns.Count; column++)
                {
                    if (!Record.ValuesEqual(left.Tables[table][row][column], right.Tables[table][row][column]))
                    {
                        return $"{layout.Name}.{layout.Columns[column].Name}";
                    }
                }
            }
        }

        return left.Layout.Root.Name;
    }

    private static void Violate(MappingVerification result, long id, string law, string field)
    {
        result.Violations++;
        if (result.SampleList.Count < MostSamples)
        {
            result.SampleList.Add(new LawViolation(id, law, field));
        }
    }

    private static void Refuse(MappingVerification result, RefusedRow row)
    {
        if (result.RefusedList.Count < MostRefused)
        {
            result.RefusedList.Add(row);
        }
    }

    private static void Count<TKey>(Dictionary<TKey, long> counts, TKey key)
        where TKey : notnull => counts[key] = counts.GetValueOrDefault(key) + 1;
}
