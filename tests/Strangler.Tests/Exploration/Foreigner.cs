using System.Globalization;
using System.Text.RegularExpressions;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Merging;
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
                var was = legacy.RowOf(key);
                var (field, value, row) = Change(was, key);
                if (field.Length > 0)
                {
                    world.Outside.WriteForeign(key, row, captured: Stages.IsDual(legacy.FenceRow.Stage));
                    world.Ledger.ForeignCommitted(legacy, key, field, value, isBirth: was is null);
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

/// <summary>A decision about a clash, as the audit trail tells it.</summary>
internal sealed partial record AuditedDecision(string Key, string Fields, EntityVersion After, EntityVersion UpTo, long SeqAfter, long SeqUpTo)
{
    public static AuditedDecision? Of(AuditEntry entry) => entry.Action == "merge" && Text().Match(entry.Detail) is { Success: true } match
        ? new AuditedDecision(
            match.Groups[1].Value, $", {match.Groups[2].Value},", Version(match, 3), Version(match, 5), Number(match, 7), Number(match, 8))
        : null;

    /// <summary>Whether it says that the new side's writes of these versions, to this field, are gone.</summary>
    public bool GaveNewUp(string field, EntityVersion first, EntityVersion last) => Names(field, "legacy") && first > After && last <= UpTo;

    /// <summary>Whether it says that this write of another program to this field is gone.</summary>
    public bool GaveLegacyUp(string field, long seq) =>
        (Names(field, "new") || Names(ForeignLedger.Existence, "new")) && seq > SeqAfter && seq <= SeqUpTo;

    private bool Names(string field, string winner) =>
        Fields.Contains($" {(field == ForeignLedger.Existence ? FieldMerge.Existence : field)} = {winner},", StringComparison.Ordinal);

    private static EntityVersion Version(Match match, int at) => new(Number(match, at), Number(match, at + 1));

    private static long Number(Match match, int at) => long.Parse(match.Groups[at].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\A(\S+ \d+): (.*); the new side's writes after (\d+)\.(\d+) up to (\d+)\.(\d+), other programs' after (\d+) up to (\d+)\z")]
    private static partial Regex Text();
}

/// <summary>
/// What other programs wrote and the new side has not seen, and what that has written and legacy not seen: by these a merge is judged,
/// without knowing how it is made.
/// </summary>
internal sealed class ForeignLedger(World world)
{
    public const string Existence = "existence";

    private static readonly string[] Columns = ["name", "amount", "cancelled"];

    private readonly Dictionary<EntityKey, List<(string Field, object? Value, long Seq)>> _written = [];
    private readonly Dictionary<EntityKey, List<EntityVersion>> _own = [];
    private readonly Dictionary<EntityKey, List<(EntityVersion At, Record? State)>> _agreed = [];
    private readonly Dictionary<(EntityKey Key, long Seq), Record?> _left = [];

    /// <summary>A row that is born writes all of its fields, whatever the one that was there before said.</summary>
    public void Add(EntityKey key, string field, object? value, long seq, Record? left, bool isBirth)
    {
        _left[(key, seq)] = left;
        if (!_written.TryGetValue(key, out var writes))
        {
            _written[key] = writes = [];
        }

        writes.Add((field, value, seq));
        if (isBirth)
        {
            writes.AddRange(Columns.Where(column => column != field).Select(column => (column, (object?)null, seq)));
        }
    }

    public void OwnChange(InMemoryDatabase database, EntityKey key, Record? before, Record? after)
    {
        if (database.Side == SideName.New)
        {
            _agreed.TryAdd(key, [(default, before)]);
            var version = database.Entities[key].Version;

            // In one transaction with legacy's part: that was written just before.
            if (world.Of(SideName.Legacy).Entities.GetValueOrDefault(key)?.Version == version)
            {
                Agree(key, version, after);
                return;
            }

            var own = _own.TryGetValue(key, out var known) ? known : _own[key] = [];
            own.Add(version);
        }
    }

    /// <summary>Both sides know this state, and what the new side wrote up to that version.</summary>
    public void Agree(EntityKey key, EntityVersion version, Record? state)
    {
        AgreedOf(key).Add((version, state));
        _own.GetValueOrDefault(key)?.RemoveAll(one => one <= version);
    }

    /// <summary>After a merge both sides agree where they show the same; what legacy hides is as open as before.</summary>
    public void Merged(EntityKey key, EntityVersion version, Record? now, long seq)
    {
        var legacy = _left.GetValueOrDefault((key, seq));
        if (legacy is null || now is null || AgreedOf(key) is not [.., (_, { } known)])
        {
            AgreedOf(key).Add((version, legacy is null || now is null ? null : now));
            return;
        }

        var values = (object?[])known.Values.Clone();
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Record.ValuesEqual(legacy.Values[i], now.Values[i]) ? now.Values[i] : values[i];
        }

        AgreedOf(key).Add((version, new Record(known.Schema, values)));
    }

    private List<(EntityVersion At, Record? State)> AgreedOf(EntityKey key) =>
        _agreed.TryGetValue(key, out var agreed) ? agreed : _agreed[key] = [];

    /// <summary>
    /// Null: each field in which a merge, or what legacy accepted, differs from the new side's state was written by another program after
    /// <paramref name="seen"/>, and where the new side had changed it as well, the audit trail says that it was given up.
    /// </summary>
    public string? Judge(EntityKey key, EntityVersion version, Record? was, Record? now, long seen, long seq)
    {
        var unseen = (_written.GetValueOrDefault(key) ?? []).Where(write => write.Seq > seen && write.Seq <= seq).Select(write => write.Field).ToHashSet();
        // Of later ones neither this state nor a decision about it can say anything.
        List<EntityVersion> own = [.. (_own.GetValueOrDefault(key) ?? []).Where(one => one <= version)];
        var agreed = AgreedOf(key).FindLastIndex(one => one.At <= version);
        var known = agreed < 0 ? was : AgreedOf(key)[agreed].State;
        var touched = Differing(known, was).ToHashSet();
        foreach (var field in Differing(was, now))
        {
            if (field == Existence ? (now is null ? !unseen.Contains(Existence) : unseen.Count == 0) : !unseen.Contains(Group(field)))
            {
                return $"no other program wrote {field}";
            }

            var isOwn = field == Existence ? touched.Count > 0 : touched.Contains(field) || touched.Contains(Existence);
            if (isOwn && own.Count > 0 && !Decisions(key).Any(one => one.GaveNewUp(field, own[0], own[^1])))
            {
                return $"{field} of the new side is lost (seq {seq}), and nobody decided so";
            }
        }

        return null;
    }

    /// <summary>
    /// A value that was in no state of the lead, that no later write of another program replaced, and that no owner has given up.
    /// </summary>
    public string? Lost(EntityKey key, List<Record?> history)
    {
        var writes = _written.GetValueOrDefault(key) ?? [];
        for (var i = 0; i < writes.Count; i++)
        {
            var (field, value, seq) = writes[i];
            var isReplaced = writes.Skip(i + 1).Any(later => later.Field == field || later.Field == Existence);
            if (value is not null && !isReplaced && !Decisions(key).Any(one => one.GaveLegacyUp(field, seq)) && !history.Any(state => state is not null && Equals(state.Visible(field), value)))
            {
                return $"{field}";
            }
        }

        return null;
    }

    private IEnumerable<AuditedDecision> Decisions(EntityKey key) =>
        world.Of(SideName.New).Audit.Select(AuditedDecision.Of).OfType<AuditedDecision>().Where(decision => decision.Key == key.ToString());

    // One letter of legacy's says both.
    private static string Group(string field) => field == "paid" ? "cancelled" : field;

    private static IEnumerable<string> Differing(Record? left, Record? right) =>
        left is null || right is null
            ? left is null && right is null ? [] : [Existence]
            : TestLens.TestSchema.Fields.Select(field => field.Name).Where(field =>
                left[field] is not Hidden && right[field] is not Hidden && !Record.ValuesEqual(left[field], right[field]));
}
