using System.Globalization;
using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>A business sum in the making: of a chunk, and in the end of the run. Mergeable in any order; not safe for threads.</summary>
internal sealed class SumTable
{
    public const string Other = "(other)";
    private const int MaxListed = 1000;
    private const char Separator = '\u001f';

    private static readonly string[] NoValues = [];

    private readonly DeclaredSum _declared;
    private readonly RecordSchema _schema;
    private readonly int _amount;
    private readonly (int Ordinal, SumPeriod Per)[] _by;
    private readonly string[] _parts;
    private readonly int _limit;
    private readonly Dictionary<string, Cell> _cells = new(StringComparer.Ordinal);
    private readonly Cell _open = new();
    private long _unreadable;
    private long _unmapped;
    private bool _overflow;

    /// <param name="declared">Of the schema's kind.</param>
    /// <param name="schema">The record's fields.</param>
    /// <param name="limit">Groups held; the rest shares one.</param>
    public SumTable(DeclaredSum declared, RecordSchema schema, int limit = 50_000)
    {
        (_declared, _schema, _limit) = (declared, schema, limit);
        _amount = schema.OrdinalOf(declared.Amount);
        _by = [.. declared.By.Select(by => (schema.OrdinalOf(by.Field), by.Per))];
        _parts = new string[_by.Length];
    }

    /// <summary>Adds an entity of both sides with its final verdict.</summary>
    public void Add(PairView pair, Verdict verdict)
    {
        if (verdict == Verdict.Unreadable)
        {
            _unreadable++;
        }
        else if (OutcomeRules.IsOpen(verdict))
        {
            AddSides(_open, _open, pair, explained: false);
        }
        else if (verdict is Verdict.Matched or Verdict.NotComparable)
        {
            AddAgreeing(pair);
        }
        else
        {
            AddBoth(pair, verdict == Verdict.Explained);
        }
    }

    /// <summary>A row of the new side that was found by its missing map row: it was not read.</summary>
    public void AddUnmapped() => _unmapped++;

    public void Merge(SumTable other)
    {
        foreach (var (key, cell) in other._cells)
        {
            CellOf(key).Merge(cell);
        }

        _open.Merge(other._open);
        _unreadable += other._unreadable;
        _unmapped += other._unmapped;
        _overflow |= other._overflow;
    }

    public SumState ToState() => new(
        [.. _cells.Select(cell => cell.Value.ToText(cell.Key))], _open.ToGroup(NoValues), _unreadable, _unmapped, _overflow);

    public void Add(SumState state)
    {
        foreach (var text in state.Groups)
        {
            var end = text.IndexOf(' ', StringComparison.Ordinal);
            CellOf(text[(end + 1)..]).AddText(text.AsSpan(0, end));
        }

        _open.Merge(state.Open);
        _unreadable += state.Unreadable;
        _unmapped += state.Unmapped;
        _overflow |= state.Overflow;
    }

    public BusinessSum ToSum()
    {
        var groups = _cells.Select(cell => cell.Value.ToGroup(cell.Key.Split(Separator))).ToList();
        var differing = groups.Where(group => group.Differs)
            .OrderByDescending(group => Math.Abs(group.DriftAmount)).ThenBy(group =>
                string.Join(Separator, group.Values), StringComparer.Ordinal)
            .ToList();
        return new BusinessSum(
            _declared.Name,
            _declared.Amount,
            _schema.Fields[_amount].Type == FieldType.Money,
            Together(NoValues, groups),
            [.. _declared.By.Select((by, at) => new SumSplit(by.ToString(), Split(groups, at)))],
            groups.Count,
            [.. differing.Take(MaxListed)],
            _open.ToGroup(NoValues),
            _unreadable,
            _unmapped,
            _overflow || differing.Count > MaxListed);
    }

    // One record for both sides: that of the follower, since a key that kept changing was found to match in an earlier state of its lead
    // (RecheckRules), and it is the follower that still holds this state. So a match cannot make a difference, whatever came in between.
    private void AddAgreeing(PairView pair)
    {
        var (follower, lead) = pair.Lead == DualWrite.SideName.New ? (pair.Legacy, pair.New) : (pair.New, pair.Legacy);
        if ((follower.Record ?? lead.Record) is { } record)
        {
            var other = follower.Record is null ? null : lead.Record;
            var cell = CellOf(Key(record, other));
            var amount = Amount(record, other);
            cell.AddLegacy(amount, explained: false);
            cell.AddNew(amount, explained: false);
        }
    }

    private void AddBoth(PairView pair, bool explained)
    {
        var legacy = pair.Legacy.Record is { } left ? CellOf(Key(left, pair.New.Record)) : null;
        var @new = pair.New.Record is { } right ? CellOf(Key(right, pair.Legacy.Record)) : null;
        AddSides(legacy, @new, pair, explained);
    }

    private void AddSides(Cell? legacyCell, Cell? newCell, PairView pair, bool explained)
    {
        if (pair.Legacy.Record is { } legacy)
        {
            legacyCell?.AddLegacy(Amount(legacy, pair.New.Record), explained);
        }

        if (pair.New.Record is { } @new)
        {
            newCell?.AddNew(Amount(@new, pair.Legacy.Record), explained);
        }
    }

    // What a side cannot express is no difference: the other side's value stands for both.
    private static object? Value(Record own, Record? other, int ordinal) =>
        own.Values[ordinal] is not Hidden hidden ? own.Values[ordinal]
        : other?.Values[ordinal] is { } shown and not Hidden ? shown
        : hidden.Derived;

    private long Amount(Record own, Record? other) => Value(own, other, _amount) as long? ?? 0;

    private string Key(Record own, Record? other)
    {
        for (var i = 0; i < _by.Length; i++)
        {
            _parts[i] = Text(Value(own, other, _by[i].Ordinal), _by[i].Per);
        }

        return _parts.Length == 1 ? _parts[0] : string.Join(Separator, _parts);
    }

    private static string Text(object? value, SumPeriod per) => value switch
    {
        null => "none",
        bool flag => flag ? "yes" : "no",
        string code => code,
        long number => number.ToString(CultureInfo.InvariantCulture),
        DateTime time => Cut(DateOnly.FromDateTime(time), per),
        DateOnly date => Cut(date, per),
        _ => throw new InvalidOperationException($"A sum cannot be split by a {value.GetType().Name}."),
    };

    private static string Cut(DateOnly date, SumPeriod per) => per switch
    {
        SumPeriod.Day => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        SumPeriod.Month => date.ToString("yyyy-MM", CultureInfo.InvariantCulture),
        _ => date.ToString("yyyy", CultureInfo.InvariantCulture),
    };

    // A group holds both sides, so whichever key comes too late, both its sides share the rest's group: nothing differs by that.
    private Cell CellOf(string key)
    {
        if (_cells.TryGetValue(key, out var cell))
        {
            return cell;
        }

        if (_cells.Count >= _limit)
        {
            _overflow = true;
            key = string.Join(Separator, Enumerable.Repeat(Other, _by.Length));
            if (_cells.TryGetValue(key, out cell))
            {
                return cell;
            }
        }

        return _cells[key] = new Cell();
    }

    private static List<SumGroup> Split(List<SumGroup> groups, int at) =>
    [
        .. groups.GroupBy(group => group.Values[at], StringComparer.Ordinal)
            .Select(same => Together([same.Key], same))
            .OrderBy(group => long.TryParse(group.Values[0], CultureInfo.InvariantCulture, out var number) ? number : long.MaxValue)
            .ThenBy(group => group.Values[0], StringComparer.Ordinal),
    ];

    private static SumGroup Together(IReadOnlyList<string> values, IEnumerable<SumGroup> groups)
    {
        var cell = new Cell();
        foreach (var group in groups)
        {
            cell.Merge(group);
        }

        return cell.ToGroup(values);
    }

    private sealed class Cell
    {
        private long _legacyCount;
        private long _newCount;
        private long _explainedCount;
        private decimal _legacyAmount;
        private decimal _newAmount;
        private decimal _explainedAmount;

        public void AddLegacy(long amount, bool explained)
        {
            _legacyCount++;
            _legacyAmount += amount;
            _explainedCount -= explained ? 1 : 0;
            _explainedAmount -= explained ? amount : 0;
        }

        public void AddNew(long amount, bool explained)
        {
            _newCount++;
            _newAmount += amount;
            _explainedCount += explained ? 1 : 0;
            _explainedAmount += explained ? amount : 0;
        }

        public void Merge(Cell other) => Merge(other.ToGroup(NoValues));

        public void Merge(SumGroup group)
        {
            _legacyCount += group.LegacyCount;
            _legacyAmount += group.LegacyAmount;
            _newCount += group.NewCount;
            _newAmount += group.NewAmount;
            _explainedCount += group.ExplainedCount;
            _explainedAmount += group.ExplainedAmount;
        }

        /// <summary>Counts and amounts, then the key: mostly both sides say the same, and that once is enough.</summary>
        public string ToText(string key) =>
            (_newCount, _newAmount, _explainedCount, _explainedAmount) == (_legacyCount, _legacyAmount, 0, 0)
                ? string.Create(CultureInfo.InvariantCulture, $"{_legacyCount},{_legacyAmount} {key}")
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"{_legacyCount},{_legacyAmount},{_newCount},{_newAmount},{_explainedCount},{_explainedAmount} {key}");

        public void AddText(ReadOnlySpan<char> numbers)
        {
            Span<decimal> read = stackalloc decimal[6];
            var at = 0;
            foreach (var part in numbers.Split(','))
            {
                read[at++] = decimal.Parse(numbers[part], NumberStyles.Number, CultureInfo.InvariantCulture);
            }

            _legacyCount += (long)read[0];
            _legacyAmount += read[1];
            _newCount += (long)read[at == 2 ? 0 : 2];
            _newAmount += read[at == 2 ? 1 : 3];
            _explainedCount += (long)read[4];
            _explainedAmount += read[5];
        }

        public SumGroup ToGroup(IReadOnlyList<string> values) =>
            new(values, _legacyCount, _legacyAmount, _newCount, _newAmount, _explainedCount, _explainedAmount);
    }
}
