using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.LegacyData.Drift;

/// <summary>How much is planted.</summary>
public sealed class PlantOptions
{
    /// <summary>Chooses keys, values, and which difference comes to the first and to the last key.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>So many of every class, and of every field on either side. 1 to 1,000.</summary>
    public int Each { get; init; } = 1;

    /// <summary>Entities that are read to find those that can hold another value. 100 to 100,000.</summary>
    public int Candidates { get; init; } = 2_000;

    /// <summary>Fields whose differences are declared: they are explained.</summary>
    public IReadOnlySet<string> Declared { get; init; } = new HashSet<string>(StringComparer.Ordinal);
}

/// <summary>
/// Plants differences of every class into two sides that agree, behind a complete backfill: each field on either side, rows that are
/// missing, added and removed before the first key, in gaps and beyond the last, map rows without rows and rows without map rows, lost
/// obligations, regressions, keys in flight and parked, unreadable rows, values that legacy cannot express. It knows of the context what the
/// mapping says, and nothing else. The same seed plants the same. It writes past everything that keeps the sides alike: never near a
/// production database.
/// </summary>
public sealed class DriftPlanter
{
    private readonly ContextRuntime _runtime;
    private readonly EntityKind _kind;
    private readonly PlantOptions _options;
    private readonly Random _random;
    private readonly Func<EntityKey, CancellationToken, Task> _unmap;
    private readonly List<PlantedDrift> _planted = [];
    private readonly List<string> _notPlanted = [];

    /// <param name="runtime">The context, with two sides that are kept up.</param>
    /// <param name="kind">What is planted into.</param>
    /// <param name="options">How much.</param>
    /// <param name="unmap">Removes the map row of a key: no seam of the engine does that.</param>
    public DriftPlanter(ContextRuntime runtime, string kind, PlantOptions options, Func<EntityKey, CancellationToken, Task> unmap) =>
        (_runtime, _kind, _options, _random, _unmap) = (runtime, runtime.Kind(kind), options, new Random(options.Seed), unmap);

    /// <summary>Plants everything. No relay may run meanwhile: it would bring in order what is in flight.</summary>
    public async Task<Plantation> PlantAsync(CancellationToken cancellationToken)
    {
        var candidates = await Candidates.ReadAsync(_runtime, _kind, _random, _options.Candidates, cancellationToken);
        var lead = (await _runtime.Sides.Legacy.Fence.ReadAsync(cancellationToken)).AnswersReads ? SideName.Legacy : SideName.New;
        var like = candidates.Free[_random.Next(candidates.Free.Count)].Legacy;
        foreach (var plant in InOrder(candidates, lead, cancellationToken))
        {
            await plant();
        }

        await PlantAddedAsync(candidates, like, cancellationToken);
        return new Plantation(_planted, _notPlanted);
    }

    // The first two get the first and the last key: over as many seeds as there are classes, each class comes to either. Then what few
    // entities can hold, then what any can.
    private List<Func<Task>> InOrder(Candidates candidates, SideName lead, CancellationToken cancellationToken)
    {
        var rows = RowPlants(candidates, lead, cancellationToken).ToList();
        var fields = FieldPlants(candidates, cancellationToken).ToList();
        List<List<Func<Task>>> classes = [fields[0], fields[1], .. rows];
        List<Func<Task>> edges = [.. new[] { 0, 1 }.Select(at => Taken(classes[(_options.Seed + at) % classes.Count]))];
        return [.. edges, .. fields.SelectMany(plants => plants), .. rows.SelectMany(plants => plants)];
    }

    private Func<Task> Taken(List<Func<Task>> plants)
    {
        var at = _random.Next(plants.Count);
        var taken = plants[at];
        plants.RemoveAt(at);
        return taken;
    }

    private IEnumerable<List<Func<Task>>> FieldPlants(Candidates candidates, CancellationToken cancellationToken)
    {
        foreach (var side in new[] { SideName.New, SideName.Legacy })
        {
            List<Func<Task>> plants = [];
            foreach (var field in _kind.Legacy.Lens.Schema.Fields.OrderBy(field => Filled(candidates, field)))
            {
                var hides = side == SideName.New && candidates.Free.Any(IsHidden);
                for (var i = 0; i < _options.Each; i++)
                {
                    plants.Add(() => PlantFieldAsync(candidates, side, field, _ => true, cancellationToken));
                    if (hides)
                    {
                        plants.Add(() => PlantFieldAsync(candidates, side, field, IsHidden, cancellationToken));
                    }
                }

                bool IsHidden(Candidate candidate) => candidate.Legacy.Values[field.Ordinal] is Hidden;
            }

            yield return plants;
        }
    }

    private static int Filled(Candidates candidates, RecordField field) =>
        candidates.Free.Count(candidate => !Record.ValuesEqual(candidate.New.Values[field.Ordinal], field.Default));

    private IEnumerable<List<Func<Task>>> RowPlants(Candidates candidates, SideName lead, CancellationToken cancellationToken)
    {
        (string Name, Func<Candidate, Task<Verdict?>> Plant)[] plants =
        [
            ("MissingInNew", entity => RemoveAsync(SideName.New, entity, Verdict.MissingInNew, cancellationToken)),
            ("Uncaptured: removed from legacy", entity => RemoveAsync(SideName.Legacy, entity, Verdict.Uncaptured, cancellationToken)),
            ("Uncaptured: deleted, then back in legacy", entity => ReviveAsync(entity, cancellationToken)),
            ("LostObligation", entity => RaiseAsync(lead, entity, Owed.Lost, cancellationToken)),
            ("LostObligation: another program's", entity => RaiseForeignAsync(SideName.Legacy, entity, Verdict.LostObligation, cancellationToken)),
            ("Regression", entity => RaiseAsync(Stages.Other(lead), entity, Owed.Ahead, cancellationToken)),
            ("Regression: another program's", entity => RaiseForeignAsync(SideName.New, entity, Verdict.Regression, cancellationToken)),
            ("Lagging: parked", entity => RaiseAsync(lead, entity, Owed.Parked, cancellationToken)),
            ("InFlight", entity => RaiseAsync(lead, entity, Owed.Journalled, cancellationToken)),
            ("Unreadable", entity => SpoilAsync(entity, cancellationToken)),
            ("NotComparable", entity => EnrichAsync(entity, cancellationToken)),
        ];
        return plants.Select(plant => Enumerable.Repeat<Func<Task>>(
            () => PlantRowAsync(candidates, plant.Name, plant.Plant), _options.Each).ToList());
    }

    private async Task PlantRowAsync(Candidates candidates, string name, Func<Candidate, Task<Verdict?>> plant)
    {
        var isPlanted = await candidates.TakeAsync(async candidate =>
        {
            if (await plant(candidate) is not { } verdict)
            {
                return false;
            }

            _planted.Add(new PlantedDrift(candidate.Id, verdict, [], candidates.PlaceOf(candidate.Id)));
            return true;
        });
        if (!isPlanted)
        {
            _notPlanted.Add($"{name}: no entity that was looked at can be brought there");
        }
    }

    private async Task PlantFieldAsync(
        Candidates candidates, SideName side, RecordField field, Func<Candidate, bool> where, CancellationToken cancellationToken)
    {
        var drift = new FieldDrift(_kind, side, field, _random);
        foreach (var with in Enum.GetValues<ChangesWith>())
        {
            if (await candidates.TakeAsync(async candidate =>
                where(candidate) && await PlantFieldAsync(candidates, side, candidate, drift, with, cancellationToken)))
            {
                return;
            }
        }

        var isHidden = candidates.Free.All(candidate => candidate.Record(side).Values[field.Ordinal] is Hidden);
        _notPlanted.Add($"{(side == SideName.New ? "new" : "legacy")} {field.Name}: "
            + (isHidden ? "the side cannot express it" : "no entity that was looked at can hold another value"));
    }

    private async Task<bool> PlantFieldAsync(
        Candidates candidates, SideName side, Candidate candidate, FieldDrift drift, ChangesWith with, CancellationToken cancellationToken)
    {
        if (drift.In(candidate, with) is not { } found || !await TryWriteAsync(side, candidate, found.Row, cancellationToken))
        {
            return false;
        }

        var names = found.Fields.Select(ordinal => _kind.Legacy.Lens.Schema.Fields[ordinal].Name).ToList();
        var verdict = names.TrueForAll(_options.Declared.Contains) ? Verdict.Explained
            : side == SideName.New ? Verdict.Drift
            : Verdict.Uncaptured;
        _planted.Add(new PlantedDrift(candidate.Id, verdict, names, candidates.PlaceOf(candidate.Id)));
        return true;
    }

    // What the database made of it is read again: a column may hold less than its declaration says (CHAR ends without its blanks).
    private async Task<bool> TryWriteAsync(SideName side, Candidate candidate, AggregateRow row, CancellationToken cancellationToken)
    {
        var repository = _kind.Of(side);
        var key = Key(candidate.Id);
        await SaveAsync(side, candidate.Id, candidate.Row(side), row, cancellationToken);
        if ((await repository.Store.ReadAsync(key, cancellationToken)).Row is { } stored
            && repository.Lens.Get(row) is var wanted && repository.Lens.Get(stored) is var shown
            && wanted.Values.Zip(shown.Values).All(pair => Record.ValuesEqual(pair.First, pair.Second)))
        {
            return true;
        }

        await SaveAsync(side, candidate.Id, row, candidate.Row(side), cancellationToken);
        return false;
    }

    private async Task<Verdict?> RemoveAsync(SideName side, Candidate entity, Verdict verdict, CancellationToken cancellationToken)
    {
        await SaveAsync(side, entity.Id, entity.Row(side), null, cancellationToken);
        return verdict;
    }

    private async Task<Verdict?> ReviveAsync(Candidate entity, CancellationToken cancellationToken)
    {
        EntityVersion? version = null;
        foreach (var side in new[] { SideName.Legacy, SideName.New })
        {
            await using var transaction = await _kind.Of(side).Store.BeginAsync(new WriteIntent(Key(entity.Id)), cancellationToken);
            var state = transaction.State;
            version ??= state.Version(state.Fence.DualEpoch).Next();
            await transaction.SaveAsync(Key(entity.Id), state.Row, null, cancellationToken);
            await transaction.SetEntityAsync(
                Key(entity.Id), new EntityState(version.Value, entity.Accepted.ForeignSeq, true, []), cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        await SaveAsync(SideName.Legacy, entity.Id, null, _kind.Legacy.Lens.Put(Filled(entity.Legacy), null), cancellationToken);
        return Verdict.Uncaptured;
    }

    private async Task<Verdict?> RaiseAsync(SideName side, Candidate entity, Owed owed, CancellationToken cancellationToken)
    {
        var key = Key(entity.Id);
        await using (var transaction = await _kind.Of(side).Store.BeginAsync(new WriteIntent(key), cancellationToken))
        {
            var state = transaction.State;
            var version = new[] { state.Version(state.Fence.DualEpoch), entity.Accepted.Version }.Max().Next();
            await transaction.SetEntityAsync(
                key, new EntityState(version, entity.Accepted.ForeignSeq, false, state.Entity?.FieldHashes ?? []), cancellationToken);
            if (owed is Owed.Journalled or Owed.Parked)
            {
                await transaction.AppendJournalAsync(key, version, "planter", cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
        }

        if (owed == Owed.Parked)
        {
            await ParkAsync(_runtime.Sides.Of(side).Journal, key, cancellationToken);
        }

        return owed switch
        {
            Owed.Journalled => Verdict.InFlight,
            Owed.Parked => Verdict.Lagging,
            Owed.Ahead => Verdict.Regression,
            _ => Verdict.LostObligation,
        };
    }

    // Only the planted key: whatever else is due is given back at once.
    private static async Task ParkAsync(Journal.IJournal journal, EntityKey key, CancellationToken cancellationToken)
    {
        foreach (var claim in await journal.ClaimAsync("planter", 1000, TimeSpan.FromMinutes(1), cancellationToken))
        {
            await journal.FailAsync(claim, "planted", claim.Key == key ? null : TimeSpan.Zero, cancellationToken);
        }
    }

    private async Task<Verdict?> RaiseForeignAsync(SideName side, Candidate entity, Verdict verdict, CancellationToken cancellationToken)
    {
        var key = Key(entity.Id);
        await using var transaction = await _kind.Of(side).Store.BeginAsync(new WriteIntent(key), cancellationToken);
        var state = transaction.State;
        var version = state.Entity?.Version ?? state.Version(state.Fence.DualEpoch);
        await transaction.SetEntityAsync(
            key, new EntityState(version, entity.Accepted.ForeignSeq + 1, false, state.Entity?.FieldHashes ?? []), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return verdict;
    }

    // The first value of the root's columns that the mapping cannot read and the table can hold.
    private async Task<Verdict?> SpoilAsync(Candidate entity, CancellationToken cancellationToken)
    {
        var columns = entity.LegacyRow.Layout.Root.Columns;
        for (var i = 0; i < columns.Count; i++)
        {
            object? spoilt = columns[i].Type switch
            {
                ColumnType.Text => columns[i].MaxLength == 1 ? "?" : "not a value of any sort",
                ColumnType.Binary => new byte[] { 0xFF },
                ColumnType.Integer when columns[i].MaxValue > 99 => 99L,
                _ => null,
            };
            var row = entity.LegacyRow.Clone();
            row.Root[i] = spoilt;
            if (spoilt is not null && (spoilt is not string text || columns[i].MaxLength == 0 || text.Length <= columns[i].MaxLength)
                && IsUnreadable(row))
            {
                await SaveAsync(SideName.Legacy, entity.Id, entity.LegacyRow, row, cancellationToken);
                return Verdict.Unreadable;
            }
        }

        return null;
    }

    private bool IsUnreadable(AggregateRow row)
    {
        try
        {
            _kind.Legacy.Lens.Get(row);
            return false;
        }
        catch (UnreadableException)
        {
            return true;
        }
    }

    // A value that legacy hides, with hashes as of a write that knew of it.
    private async Task<Verdict?> EnrichAsync(Candidate entity, CancellationToken cancellationToken)
    {
        foreach (var field in _kind.Legacy.Lens.Schema.Fields.Where(field => entity.Legacy.Values[field.Ordinal] is Hidden))
        {
            if (new FieldDrift(_kind, SideName.New, field, _random).In(entity, ChangesWith.Nothing) is not { } found
                || _kind.New.Lens.Get(found.Row) is var record && IsLegacys(entity, record))
            {
                continue;
            }

            await using var transaction = await _kind.New.Store.BeginAsync(new WriteIntent(Key(entity.Id)), cancellationToken);
            await transaction.SaveAsync(Key(entity.Id), transaction.State.Row, found.Row, cancellationToken);
            await transaction.SetEntityAsync(
                Key(entity.Id), entity.Accepted with { FieldHashes = _runtime.Hasher.Hash(_kind.New.Lens.Get(found.Row)) }, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return Verdict.NotComparable;
        }

        return null;
    }

    // Where an apply of legacy's state would change the value, it is not merely richer.
    private bool IsLegacys(Candidate entity, Record record) =>
        !RecordMerge.Fill(entity.Legacy, record, _kind.Legacy.Lens).Values.Zip(record.Values)
            .All(pair => Record.ValuesEqual(pair.First, pair.Second));

    private async Task PlantAddedAsync(Candidates candidates, Record like, CancellationToken cancellationToken)
    {
        (string Name, Func<long, Task<PlantedDrift>> Plant)[] plants =
        [
            ("MissingInLegacy", async id =>
            {
                await AddAsync(SideName.New, id, like, cancellationToken);
                return new PlantedDrift(id, Verdict.MissingInLegacy, [], "");
            }),
            ("Uncaptured: added to legacy", async id =>
            {
                await AddAsync(SideName.Legacy, id, like, cancellationToken);
                return new PlantedDrift(id, Verdict.Uncaptured, [], "");
            }),
            ("Unmapped: leads nowhere", async id =>
            {
                await AddAsync(SideName.New, id, like, cancellationToken);
                await RemoveAddedAsync(id, cancellationToken);
                return new PlantedDrift(id, Verdict.Unmapped, [], "");
            }),
            ("Unmapped: a row that nothing leads to", async id =>
            {
                var newId = await AddAsync(SideName.New, id, like, cancellationToken);
                await _unmap(Key(id), cancellationToken);
                return new PlantedDrift(0, Verdict.Unmapped, [], "", newId);
            }),
        ];
        foreach (var (place, free) in Places(candidates.Keys))
        {
            using var ids = free.GetEnumerator();
            foreach (var (name, plant) in plants.SelectMany(plant => Enumerable.Repeat(plant, _options.Each)))
            {
                if (ids.MoveNext())
                {
                    _planted.Add(await plant(ids.Current) with { Place = place });
                }
                else
                {
                    _notPlanted.Add($"{name} {place}: no id is free there");
                }
            }
        }
    }

    private IEnumerable<(string Place, IEnumerable<long> Free)> Places(IReadOnlyList<long> keys)
    {
        // Near to the edges as well as far from them: a comparison that ends a little too early must be found out.
        yield return ("before the first", Enumerable.Range(1, 1000).Select(step => keys[0] - step).Where(id => id >= 1));
        yield return ("in a gap", Gaps(keys));
        yield return ("beyond the last", Enumerable.Range(0, 1000).Select(step => keys[^1] + 1 + ((long)step * (1 + _random.Next(500)))).Distinct());
    }

    private static IEnumerable<long> Gaps(IReadOnlyList<long> keys)
    {
        for (var i = 1; i < keys.Count; i++)
        {
            for (var id = keys[i - 1] + 1; id < keys[i]; id++)
            {
                yield return id;
            }
        }
    }

    private async Task<long?> AddAsync(SideName side, long id, Record like, CancellationToken cancellationToken)
    {
        await SaveAsync(side, id, null, _kind.Of(side).Lens.Put(Filled(like), null), cancellationToken);
        return side == SideName.Legacy ? null
            : (await _kind.New.Store.ReadRangeAsync(_kind.Name, [id], cancellationToken)).Items.Single().NewId;
    }

    private async Task RemoveAddedAsync(long id, CancellationToken cancellationToken)
    {
        var row = (await _kind.New.Store.ReadAsync(Key(id), cancellationToken)).Row;
        await SaveAsync(SideName.New, id, row, null, cancellationToken);
    }

    private Record Filled(Record legacy) => RecordMerge.Fill(legacy, null, _kind.Legacy.Lens);

    private EntityKey Key(long id) => new(_kind.Name, id);

    private async Task SaveAsync(SideName side, long id, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        await using var transaction = await _kind.Of(side).Store.BeginAsync(new WriteIntent(Key(id)), cancellationToken);
        await transaction.SaveAsync(Key(id), was is null ? null : transaction.State.Row, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private enum Owed
    {
        Lost,
        Ahead,
        Journalled,
        Parked,
    }
}
