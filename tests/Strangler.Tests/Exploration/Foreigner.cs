using System.Globalization;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>
/// Another program: writes legacy rows in every stage, one column at a time, with row locks as any transaction and no idea of stages. Its
/// triggers capture in dual stages.
/// </summary>
internal sealed class Foreigner(World world, int number)
{
    private readonly Random _random = world.Random;
    private int _writes;

    public async Task RunAsync(List<long> ids, int writes)
    {
        while (writes-- > 0)
        {
            await world.DelayAsync(_random.Next(6) == 0 ? _random.Next(6_000) : _random.Next(300));
            var isBirth = _random.Next(12) == 0;
            await WriteAsync(TestProcess.Key(isBirth ? (number * 100) + 5_000 + writes : ids[_random.Next(ids.Count)]));
        }
    }

    private async Task WriteAsync(EntityKey key)
    {
        var legacy = world.Of(SideName.Legacy);
        var owner = new object();
        try
        {
            await legacy.Locks.AcquireAsync(owner, key.Kind, key.Id, key.Id, exclusive: true, TimeSpan.FromSeconds(50), default);
            lock (legacy.Gate)
            {
                var (field, value, row) = Change(legacy.RowOf(key), key);
                if (field.Length > 0)
                {
                    world.Outside.WriteForeign(key, row, captured: Stages.IsDual(legacy.FenceRow.Stage));
                    world.Ledger.ForeignCommitted(legacy, key, field, value);
                }
            }
        }
        catch (TimeoutException)
        {
            // As another program meets it: it gives up.
        }
        finally
        {
            legacy.Locks.Release(owner);
        }
    }

    private (string Field, object? Value, AggregateRow? Row) Change(AggregateRow? row, EntityKey key)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{Client.Personal}f{number}.{++_writes}");
        if (row is null)
        {
            // An id of ours that is free is none of theirs to take.
            return key.Id < 5_000 ? ("", null, null) : ("name", text, TestLens.LegacyRow(text, (number * 1_000_000) + (_writes * 1_000), "O"));
        }

        switch (_random.Next(8))
        {
            case 0:
                return (ForeignLedger.Existence, null, null);
            case < 4:
                row.Root[0] = text;
                return ("name", text, row);
            case < 6:
                var amount = (number * 1_000_000L) + (_writes * 1_000);
                row.Root[1] = amount;
                return ("amount", amount, row);
            default:
                row.Root[2] = (string)row.Root[2]! == "C" ? "O" : "C";
                return ("cancelled", null, row);
        }
    }
}

/// <summary>
/// What other programs wrote and the new side has not seen, and what that has written and legacy not seen: by these a merge is judged,
/// without knowing how it is made.
/// </summary>
internal sealed class ForeignLedger(World world)
{
    public const string Existence = "existence";

    private readonly Dictionary<EntityKey, List<(string Field, object? Value, long Seq)>> _written = [];
    private readonly Dictionary<EntityKey, List<(EntityVersion Version, string Field)>> _own = [];
    private readonly Dictionary<EntityKey, long> _merged = [];

    public void Add(EntityKey key, string field, object? value, long seq)
    {
        if (!_written.TryGetValue(key, out var writes))
        {
            _written[key] = writes = [];
        }

        writes.Add((field, value, seq));
    }

    public void OwnChange(InMemoryDatabase database, EntityKey key, Record? before, Record? after)
    {
        if (database.Side == SideName.New)
        {
            var own = _own.TryGetValue(key, out var known) ? known : _own[key] = [];
            var version = database.Entities[key].Version;

            // In one transaction with legacy's part: that was written just before.
            if (world.Of(SideName.Legacy).Entities.GetValueOrDefault(key)?.Version != version)
            {
                own.AddRange(Differing(before, after).Select(field => (version, field)));
            }
        }
    }

    /// <summary>A side has accepted the other's state: what was its own before is known on both.</summary>
    public void Accepted(InMemoryDatabase database, EntityKey key, EntityState now)
    {
        var @new = world.Of(SideName.New);
        if (!now.IsSigned && _own.TryGetValue(key, out var own))
        {
            own.RemoveAll(change => database == @new || change.Version <= now.Version);
        }

        if (database == @new)
        {
            _merged[key] = now.ForeignSeq;
        }
    }

    /// <summary>
    /// Null: each field that the merge changed was written by another program and not seen before, and no owner was passed over.
    /// </summary>
    public string? Judge(EntityKey key, Record? was, Record? now, long seq)
    {
        var unseen = _written.GetValueOrDefault(key) ?? [];
        var fields = unseen.Select(write => write.Field).ToHashSet();
        var own = (_own.GetValueOrDefault(key) ?? []).Select(change => change.Field).ToHashSet();
        foreach (var field in Differing(was, now).Where(field => field != Existence && !fields.Contains(Existence) && !fields.Contains(Group(field))))
        {
            return $"no other program wrote {field}";
        }

        return was is null || now is null ? null
            : Differing(was, now).FirstOrDefault(field => field is "amount" or "name" && own.Contains(field)) is { } lost && !fields.Contains(Existence)
            ? $"{lost} of the new side is lost (seq {seq})"
            : null;
    }

    /// <summary>
    /// A value that was in no state of the lead, that no later write of another program replaced, and that no owner has given up.
    /// </summary>
    public string? Lost(EntityKey key, List<Record?> history)
    {
        var writes = _written.GetValueOrDefault(key) ?? [];
        for (var i = 0; i < writes.Count; i++)
        {
            var (field, value, _) = writes[i];
            var isReplaced = writes.Skip(i + 1).Any(later => later.Field == field || later.Field == Existence);
            if (value is not null && !isReplaced && !IsGivenUp(key, field) && !history.Any(state => state is not null && Equals(state.Visible(field), value)))
            {
                return $"{field}";
            }
        }

        return null;
    }

    private bool IsGivenUp(EntityKey key, string field) => world.Of(SideName.New).Audit.Exists(
        entry => entry.Action == "merge" && entry.Detail.StartsWith($"{key}:", StringComparison.Ordinal) && entry.Detail.Contains($"{field} = new", StringComparison.Ordinal));

    // One letter of legacy's says both.
    private static string Group(string field) => field == "paid" ? "cancelled" : field;

    private static IEnumerable<string> Differing(Record? left, Record? right) =>
        left is null || right is null
            ? left is null && right is null ? [] : [Existence]
            : TestLens.TestSchema.Fields.Where(field => !Record.ValuesEqual(left.Visible(field.Name), right.Visible(field.Name))).Select(field => field.Name);
}
