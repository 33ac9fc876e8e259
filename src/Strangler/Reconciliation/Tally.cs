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
    private readonly SortedSet<long> _differing = [];
    private readonly int _sampleLimit;
    private readonly int _idLimit;

    public Tally(int fields, int sampleLimit, int idLimit)
    {
        _fields = new long[fields];
        _declaredHits = new long[fields];
        _sampleLimit = sampleLimit;
        _idLimit = idLimit;
    }

    public long LegacyRows { get; private set; }

    public long NewRows { get; private set; }

    public long Deleted { get; private set; }

    public long SignedOff { get; private set; }

    public long Richer { get; private set; }

    public bool Truncated { get; private set; }

    public long Entities => _counts.Sum();

    public IReadOnlyCollection<long> Differing => _differing;

    public IReadOnlyDictionary<Verdict, long> Counts =>
        Enum.GetValues<Verdict>().ToDictionary(verdict => verdict, verdict => _counts[(int)verdict]);

    public IReadOnlyList<EntityFinding> Samples => [.. _samples.SelectMany(samples => samples.Values)];

    public long FieldCount(int ordinal) => _fields[ordinal];

    public long DeclaredHitsOf(int ordinal) => _declaredHits[ordinal];

    /// <summary>The common case: there on both sides and the same.</summary>
    public void AddMatched()
    {
        _counts[(int)Verdict.Matched]++;
        LegacyRows++;
        NewRows++;
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
        LegacyRows += pair.Legacy.Present ? 1 : 0;
        NewRows += pair.New.Present ? 1 : 0;
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
            AddDiffering(pair.Id);
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
        NewRows++;

        // Below all public ids, and among themselves in order.
        AddSample(Verdict.Unmapped, long.MinValue + finding.NewId!.Value, () => finding);
    }

    public void MarkTruncated() => Truncated = true;

    public void Merge(Tally other)
    {
        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
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

        foreach (var id in other._differing)
        {
            AddDiffering(id);
        }

        LegacyRows += other.LegacyRows;
        NewRows += other.NewRows;
        Deleted += other.Deleted;
        SignedOff += other.SignedOff;
        Richer += other.Richer;
        Truncated |= other.Truncated;
    }

    private void AddDiffering(long id)
    {
        _differing.Add(id);
        if (_differing.Count > _idLimit)
        {
            _differing.Remove(_differing.Max);
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
