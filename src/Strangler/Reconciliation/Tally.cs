using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>What a chunk, and in the end the run, has counted. Mergeable, so that units of work can be added up in any order; not safe for
/// threads.</summary>
internal sealed class Tally
{
    private readonly long[] _counts = new long[Enum.GetValues<Verdict>().Length];
    private readonly SortedList<long, EntityFinding>[] _samples =
        [.. Enum.GetValues<Verdict>().Select(_ => new SortedList<long, EntityFinding>())];

    private readonly long[] _fields;
    private readonly long[] _declaredHits;
    private readonly long[] _legacyRows = new long[Enum.GetValues<Verdict>().Length];
    private readonly long[] _newRows = new long[Enum.GetValues<Verdict>().Length];
    private readonly SortedSet<DifferingEntity> _differing =
        new(Comparer<DifferingEntity>.Create((left, right) => left.Id.CompareTo(right.Id)));
    private readonly RecordSchema _schema;
    private readonly SumTable[] _sums;
    private readonly int _sampleLimit;
    private readonly int _idLimit;

    /// <param name="schema">The fields that are counted.</param>
    /// <param name="sums">The kind's declared sums.</param>
    /// <param name="sampleLimit">Samples kept per verdict.</param>
    /// <param name="idLimit">Differing entities kept.</param>
    public Tally(RecordSchema schema, IEnumerable<DeclaredSum> sums, int sampleLimit, int idLimit)
    {
        _schema = schema;
        _sums = [.. sums.Select(sum => new SumTable(sum, schema))];
        _fields = new long[schema.Fields.Count];
        _declaredHits = new long[schema.Fields.Count];
        _sampleLimit = sampleLimit;
        _idLimit = idLimit;
    }

    public long LegacyRows => _legacyRows.Sum();

    public long NewRows => _newRows.Sum();

    public IReadOnlyDictionary<Verdict, long> LegacyCounts => ByVerdict(_legacyRows);

    public IReadOnlyDictionary<Verdict, long> NewCounts => ByVerdict(_newRows);

    public long Deleted { get; private set; }

    public long SignedOff { get; private set; }

    public long Richer { get; private set; }

    public bool Truncated { get; private set; }

    public long Entities => _counts.Sum();

    /// <summary>By id, ascending.</summary>
    public IReadOnlyCollection<DifferingEntity> Differing => _differing;

    public IReadOnlyDictionary<Verdict, long> Counts => ByVerdict(_counts);

    public IReadOnlyList<BusinessSum> Sums => [.. _sums.Select(sum => sum.ToSum())];

    public IReadOnlyList<EntityFinding> Samples => [.. _samples.SelectMany(samples => samples.Values)];

    public long FieldCount(int ordinal) => _fields[ordinal];

    public long DeclaredHitsOf(int ordinal) => _declaredHits[ordinal];

    /// <summary>The common case: there on both sides and the same.</summary>
    public void AddMatched(PairView pair)
    {
        _counts[(int)Verdict.Matched]++;
        _legacyRows[(int)Verdict.Matched]++;
        _newRows[(int)Verdict.Matched]++;
        foreach (var sum in _sums)
        {
            sum.Add(pair, Verdict.Matched);
        }
    }

    /// <param name="pair">The observation that the finding rests on.</param>
    /// <param name="finding">Final.</param>
    /// <param name="signedOff">Of an unreadable one.</param>
    /// <param name="sample">Makes the sample; called only if it is kept.</param>
    public void Add(PairView pair, Finding finding, bool signedOff, Func<EntityFinding> sample)
    {
        if (finding.Verdict is not { } verdict)
        {
            Deleted++;
            return;
        }

        _counts[(int)verdict]++;
        _legacyRows[(int)verdict] += pair.Legacy.Present ? 1 : 0;
        _newRows[(int)verdict] += pair.New.Present ? 1 : 0;
        foreach (var sum in _sums)
        {
            sum.Add(pair, verdict);
        }

        Richer += finding.Richer ? 1 : 0;
        SignedOff += signedOff ? 1 : 0;
        foreach (var field in finding.Fields)
        {
            _fields[field]++;
        }

        foreach (var field in finding.Explained)
        {
            _declaredHits[field]++;
        }

        if (OutcomeRules.IsDrift(verdict) && !signedOff)
        {
            AddDiffering(new DifferingEntity(pair.Id, verdict, [.. finding.Fields.Select(field => _schema.Fields[field].Name)]));
        }

        if (verdict != Verdict.Matched)
        {
            AddSample(verdict, pair.Id, sample);
        }
    }

    /// <summary>A row of the new side that no public id leads to.</summary>
    public void AddUnmapped(EntityFinding finding)
    {
        _counts[(int)Verdict.Unmapped]++;
        _newRows[(int)Verdict.Unmapped]++;
        foreach (var sum in _sums)
        {
            sum.AddUnmapped();
        }

        // Below all public ids, and among themselves in order.
        AddSample(Verdict.Unmapped, long.MinValue + finding.NewId!.Value, () => finding);
    }

    /// <summary>Keys that were not looked at, since both sides' stored versions and hashes agree.</summary>
    public long Trusted { get; private set; }

    /// <summary>Keys asked for that neither side has ever heard of.</summary>
    public long Unknown { get; private set; }

    public void AddTrusted(long keys) => Trusted += keys;

    public void AddUnknown() => Unknown++;

    public void Merge(Tally other)
    {
        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
            _legacyRows[i] += other._legacyRows[i];
            _newRows[i] += other._newRows[i];
            foreach (var (id, finding) in other._samples[i])
            {
                AddSample((Verdict)i, id, () => finding);
            }
        }

        for (var i = 0; i < _fields.Length; i++)
        {
            _fields[i] += other._fields[i];
            _declaredHits[i] += other._declaredHits[i];
        }

        for (var i = 0; i < _sums.Length; i++)
        {
            _sums[i].Merge(other._sums[i]);
        }

        foreach (var entity in other._differing)
        {
            AddDiffering(entity);
        }

        Deleted += other.Deleted;
        SignedOff += other.SignedOff;
        Richer += other.Richer;
        Truncated |= other.Truncated;
        Trusted += other.Trusted;
        Unknown += other.Unknown;
    }

    /// <summary>All that was counted, for a checkpoint.</summary>
    public TallyState ToState() => new()
    {
        Counts = _counts,
        LegacyRows = _legacyRows,
        NewRows = _newRows,
        Fields = _fields,
        DeclaredHits = _declaredHits,
        Samples = [.. _samples.SelectMany(samples => samples.Select(sample => new KeptSample(sample.Key, sample.Value)))],
        Differing = [.. _differing],
        Sums = [.. _sums.Select(sum => sum.ToState())],
        Deleted = Deleted,
        SignedOff = SignedOff,
        Richer = Richer,
        Truncated = Truncated,
        Trusted = Trusted,
        Unknown = Unknown,
    };

    /// <summary>Adds what a checkpoint holds; it must be of the same fields, sums and verdicts.</summary>
    public void Add(TallyState state)
    {
        Add(_counts, state.Counts);
        Add(_legacyRows, state.LegacyRows);
        Add(_newRows, state.NewRows);
        Add(_fields, state.Fields);
        Add(_declaredHits, state.DeclaredHits);
        foreach (var (id, finding) in state.Samples)
        {
            AddSample(finding.Verdict, id, () => finding);
        }

        foreach (var entity in state.Differing)
        {
            AddDiffering(entity);
        }

        foreach (var (sum, kept) in _sums.Zip(state.Sums))
        {
            sum.Add(kept);
        }

        Deleted += state.Deleted;
        SignedOff += state.SignedOff;
        Richer += state.Richer;
        Truncated |= state.Truncated;
        Trusted += state.Trusted;
        Unknown += state.Unknown;
    }

    private static void Add(long[] counts, long[] more)
    {
        for (var i = 0; i < counts.Length; i++)
        {
            counts[i] += more[i];
        }
    }

    private static Dictionary<Verdict, long> ByVerdict(long[] counts) =>
        Enum.GetValues<Verdict>().ToDictionary(verdict => verdict, verdict => counts[(int)verdict]);

    // The lowest ids are kept, whichever range was quicker.
    private void AddDiffering(DifferingEntity entity)
    {
        _differing.Add(entity);
        if (_differing.Count > _idLimit)
        {
            _differing.Remove(_differing.Max!);
            Truncated = true;
        }
    }

    // The lowest ids are kept, so that the samples don't depend on which range was quicker.
    private void AddSample(Verdict verdict, long id, Func<EntityFinding> sample)
    {
        var samples = _samples[(int)verdict];
        if (samples.Count >= _sampleLimit && (samples.Count == 0 || id > samples.Keys[^1]))
        {
            return;
        }

        samples[id] = sample();
        if (samples.Count > _sampleLimit)
        {
            samples.RemoveAt(samples.Count - 1);
        }
    }
}
