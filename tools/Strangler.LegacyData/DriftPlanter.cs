using System.Data.Common;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.LegacyData;

/// <summary>A difference that was planted, as a reconciliation must find it.</summary>
/// <param name="Id">Public id; 0 for a row of the new side that none leads to.</param>
/// <param name="Verdict">Its class.</param>
/// <param name="Field">The one field that differs; empty where the difference is not one of fields.</param>
public sealed record PlantedDrift(long Id, Verdict Verdict, string Field = "")
{
    public override string ToString() => $"{Id} {Verdict} {Field}".TrimEnd();
}

/// <summary>
/// Plants differences of every class into two sides that agree, the new one behind a complete backfill: each field on either side, rows
/// missing, added and
/// removed before the first key, in a gap and beyond the last, map rows without rows and rows without map rows, lost obligations,
/// regressions, keys in flight
/// and parked. The same seed plants the same. For tests: it writes past everything that keeps the sides alike, so never near a production
/// database.
/// </summary>
public sealed class DriftPlanter
{
    // A field that so many entities cannot hold another value in is told, and left.
    private const int MostTried = 150;

    private readonly ContextRuntime _runtime;
    private readonly EntityKind _kind;
    private readonly Random _random;
    private readonly Func<CancellationToken, ValueTask<DbConnection>> _openNew;
    private readonly List<PlantedDrift> _planted = [];
    private readonly List<string> _notPlanted = [];
    private readonly List<long> _free = [];

    /// <param name="runtime">The context, in DualWrite.</param>
    /// <param name="kind">What is planted into.</param>
    /// <param name="seed">Chooses the keys.</param>
    /// <param name="openNew">A connection to the new side's database.</param>
    public DriftPlanter(ContextRuntime runtime, string kind, int seed, Func<CancellationToken, ValueTask<DbConnection>> openNew)
    {
        (_runtime, _kind, _random, _openNew) = (runtime, runtime.Kind(kind), new Random(seed), openNew);
    }

    /// <summary>Fields that could not be planted on a side, since no entity can hold another value there: <c>new
    /// donor.country</c>.</summary>
    public IReadOnlyList<string> NotPlanted => _notPlanted;

    /// <summary>Plants everything; <paramref name="keys"/> are the public ids in use, and among them or at their sides there must be ids
    /// that are not.</summary>
    public async Task<IReadOnlyList<PlantedDrift>> PlantAsync(IReadOnlyCollection<long> keys, CancellationToken cancellationToken)
    {
        var ordered = keys.Order().ToList();
        _free.AddRange(ordered.OrderBy(_ => _random.Next()));
        _free.Remove(ordered[0]);
        _free.Remove(ordered[^1]);
        _free.InsertRange(0, [ordered[0], ordered[^1]]);
        foreach (var side in new[] { SideName.New, SideName.Legacy })
        {
            foreach (var field in _kind.Legacy.Lens.Schema.Fields)
            {
                await PlantFieldAsync(side, field, cancellationToken);
            }
        }

        var places = new Queue<long>(FreeIds(ordered));
        await PlantRowsAsync(places, cancellationToken);
        await PlantVersionsAsync(cancellationToken);
        return _planted;
    }

    /// <summary>One id before the first, one in a gap, and further ones beyond the last.</summary>
    private static IEnumerable<long> FreeIds(List<long> ordered)
    {
        var used = ordered.ToHashSet();
        var gap = Enumerable.Range(1, (int)Math.Min(int.MaxValue - 1, ordered[^1] - ordered[0])).Select(step => ordered[0] + step).Where(
            id => !used.Contains(id));
        return gap.Take(4).Concat(Enumerable.Range(1, 4).Select(step => ordered[0] - step).Where(id => id >= 1))
            .Concat(Enumerable.Range(1, 20).Select(step => ordered[^1] + (step * 1000L)));
    }

    private async Task PlantFieldAsync(SideName side, RecordField field, CancellationToken cancellationToken)
    {
        foreach (var id in _free.Take(MostTried))
        {
            if (await TryPlantAsync(side, id, field, cancellationToken))
            {
                _free.Remove(id);
                _planted.Add(new PlantedDrift(id, side == SideName.New ? Verdict.Drift : Verdict.Uncaptured, field.Name));
                return;
            }
        }

        _notPlanted.Add($"{(side == SideName.New ? "new" : "legacy")} {field.Name}");
    }

    private async Task<bool> TryPlantAsync(SideName side, long id, RecordField field, CancellationToken cancellationToken)
    {
        var key = new EntityKey(_kind.Name, id);
        var (legacy, @new) = (await RecordAsync(SideName.Legacy, key, cancellationToken),
            await RecordAsync(SideName.New, key, cancellationToken));
        if (legacy is null || @new is null || legacy.Values[field.Ordinal] is Hidden || @new.Values[field.Ordinal] is Hidden
            || !legacy.AgreesWith(@new))
        {
            return false;
        }

        var (own, other) = side == SideName.New ? (@new, legacy) : (legacy, @new);
        foreach (var value in Others(field, own.Values[field.Ordinal]))
        {
            var changed = new Record(own.Schema, [.. own.Values.Select((present, ordinal) => ordinal == field.Ordinal ? value : present)]);
            if (await TryWriteAsync(side, key, changed, other, field, cancellationToken))
            {
                return true;
            }
        }

        return false;
    }

    private async Task<bool> TryWriteAsync(
        SideName side, EntityKey key, Record changed, Record other, RecordField field, CancellationToken cancellationToken)
    {
        var repository = _kind.Of(side);
        await using var transaction = await repository.Store.BeginAsync(new WriteIntent(key), cancellationToken);
        AggregateRow row;
        Record read;
        try
        {
            row = repository.Lens.Put(changed, transaction.State.Row);
            read = repository.Lens.Get(row);
        }
        catch (Exception exception) when (exception is CannotHoldException or UnreadableException)
        {
            return false;
        }

        // Only what tells on this field alone, whatever the sides can express beside it.
        for (var i = 0; i < read.Values.Length; i++)
        {
            var differs = read.Values[i] is not Hidden && other.Values[i] is not Hidden
                && !Record.ValuesEqual(read.Values[i], other.Values[i]);
            var hides = read.Values[i] is Hidden != changed.Values[i] is Hidden;
            if (differs != (i == field.Ordinal) || hides)
            {
                return false;
            }
        }

        await transaction.SaveAsync(key, transaction.State.Row, row, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    private static IEnumerable<object?> Others(RecordField field, object? present) => (field.Type, present) switch
    {
        (FieldType.Boolean, bool flag) => [!flag],
        (FieldType.Integer or FieldType.Money, long number) => [number + 1, number + 100, number == 0 ? 1L : 0L],
        (FieldType.Text, string text) => [text + "x", "x", text.Length > 0 ? text[..^1] : "y", "12345"],
        (FieldType.Code, string code) => field.Codes.Where(other => other != code),
        (FieldType.Timestamp, DateTime time) => [time.AddSeconds(1), time.AddDays(1)],
        (FieldType.Timestamp, null) => [new DateTime(2020, 2, 3, 4, 5, 6)],
        (FieldType.Date, DateOnly date) => [date.AddDays(1)],
        (FieldType.Date, null) => [new DateOnly(2020, 2, 3)],
        (FieldType.Integer or FieldType.Money, null) => [1L, 100L],
        (FieldType.Text, null) => ["x", "12345"],
        (FieldType.List, RecordList { Count: > 0 } list) =>
            [new RecordList([.. list.Rows.Skip(1)]), new RecordList([.. list.Rows, list.Rows[0]]), With(field, list)],
        (FieldType.List, RecordList list) => [With(field, list)],
        _ => [],
    };

    // A row of values that hardly any row has.
    private static RecordList With(RecordField list, RecordList present) =>
        new([.. present.Rows, [.. list.Items.Select(item => Others(item, item.Default).FirstOrDefault() ?? item.Default)]]);

    private async Task PlantRowsAsync(Queue<long> places, CancellationToken cancellationToken)
    {
        var like = (await RecordAsync(SideName.Legacy, new EntityKey(_kind.Name, _free[0]), cancellationToken))!;
        for (var i = 0; i < 6; i++)
        {
            await InsertAsync(SideName.New, places.Peek(), like, cancellationToken);
            _planted.Add(new PlantedDrift(places.Dequeue(), Verdict.MissingInLegacy));
            await InsertAsync(SideName.Legacy, places.Peek(), like, cancellationToken);
            _planted.Add(new PlantedDrift(places.Dequeue(), Verdict.Uncaptured));
        }

        foreach (var (side, verdict) in new[] { (SideName.New, Verdict.MissingInNew), (SideName.Legacy, Verdict.Uncaptured) })
        {
            await RemoveAsync(side, _free[^1], cancellationToken);
            Take(verdict);
        }

        // A map row that leads nowhere, and a row that no map row leads to.
        await InsertAsync(SideName.New, places.Peek(), like, cancellationToken);
        await RemoveAsync(SideName.New, places.Peek(), cancellationToken);
        _planted.Add(new PlantedDrift(places.Dequeue(), Verdict.Unmapped));
        await InsertAsync(SideName.New, places.Peek(), like, cancellationToken);
        await UnmapAsync(places.Dequeue(), cancellationToken);
        _planted.Add(new PlantedDrift(0, Verdict.Unmapped));
    }

    private async Task PlantVersionsAsync(CancellationToken cancellationToken)
    {
        await RaiseAsync(SideName.Legacy, _free[^1], journalled: false, cancellationToken);
        Take(Verdict.LostObligation);
        await RaiseAsync(SideName.New, _free[^1], journalled: false, cancellationToken);
        Take(Verdict.Regression);
        await RaiseAsync(SideName.Legacy, _free[^1], journalled: true, cancellationToken);
        foreach (var claim in await _runtime.Sides.Legacy.Journal.ClaimAsync("planter", 100, TimeSpan.FromMinutes(1), cancellationToken))
        {
            await _runtime.Sides.Legacy.Journal.FailAsync(claim, "planted", null, cancellationToken);
        }

        Take(Verdict.Lagging);
        await RaiseAsync(SideName.Legacy, _free[^1], journalled: true, cancellationToken);
        Take(Verdict.InFlight);
    }

    private void Take(Verdict verdict)
    {
        _planted.Add(new PlantedDrift(_free[^1], verdict));
        _free.RemoveAt(_free.Count - 1);
    }

    private async Task<Record?> RecordAsync(SideName side, EntityKey key, CancellationToken cancellationToken)
    {
        var repository = _kind.Of(side);
        try
        {
            return (await repository.Store.ReadAsync(key, cancellationToken)).Row is { } row ? repository.Lens.Get(row) : null;
        }
        catch (UnreadableException)
        {
            return null;
        }
    }

    private async Task InsertAsync(SideName side, long id, Record like, CancellationToken cancellationToken)
    {
        var (repository, key) = (_kind.Of(side), new EntityKey(_kind.Name, id));
        await using var transaction = await repository.Store.BeginAsync(new WriteIntent(key), cancellationToken);
        await transaction.SaveAsync(key, null, repository.Lens.Put(RecordMerge.Fill(like, null, _kind.Legacy.Lens), null),
            cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private async Task RemoveAsync(SideName side, long id, CancellationToken cancellationToken)
    {
        var key = new EntityKey(_kind.Name, id);
        await using var transaction = await _kind.Of(side).Store.BeginAsync(new WriteIntent(key), cancellationToken);
        await transaction.SaveAsync(key, transaction.State.Row, null, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private async Task RaiseAsync(SideName side, long id, bool journalled, CancellationToken cancellationToken)
    {
        var key = new EntityKey(_kind.Name, id);
        await using var transaction = await _kind.Of(side).Store.BeginAsync(new WriteIntent(key), cancellationToken);
        var state = transaction.State;
        var version = state.Version(state.Fence.DualEpoch).Next();
        await transaction.SetEntityAsync(
            key, new EntityState(version, state.Entity?.ForeignSeq ?? 0, false, state.Entity?.FieldHashes ?? []), cancellationToken);
        if (journalled)
        {
            await transaction.AppendJournalAsync(key, version, "planter", cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    private async Task UnmapAsync(long id, CancellationToken cancellationToken)
    {
        await using var connection = await _openNew(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = "DELETE FROM strangler_id_map WHERE context = @context AND kind = @kind AND public_id = @id";
        foreach (var (name, value) in new (string, object)[] { ("@context", _runtime.Context), ("@kind", _kind.Name), ("@id", id) })
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
