using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Merging;

/// <summary>
/// Merges a list that both sides have changed, element by element, as the mapping declares it (<c>merge="union"</c>): what either side has
/// added is there, what either side has taken away is gone. Elements are told apart by their key. Pure.
/// </summary>
/// <remarks>
/// An element that the base does not know counts as added. So where the base is from before elements were hashed, or is longer than what
/// is kept of it, nothing is lost, and what one side took away may come back.
/// </remarks>
internal sealed class ListMerge
{
    private readonly int _key;
    private readonly Func<object?[], bool> _isKnown;
    private readonly Func<SideName?> _owner;
    private readonly Dictionary<Element, object?[]> _theirs = [];
    private readonly Dictionary<Element, object?[]> _ours = [];
    private readonly List<object?[]> _rows = [];
    private readonly List<object?[]> _moved = [];

    private ListMerge(int key, Func<object?[], bool> isKnown, Func<SideName?> owner) => (_key, _isKnown, _owner) = (key, isKnown, owner);

    /// <summary>Whose element was taken where both had changed the same one, and nobody could keep both.</summary>
    public SideName? Decided { get; private set; }

    public RecordList List => new(_rows);

    /// <summary>Null: it cannot be done by element, or the same element was changed on both sides and has no owner.</summary>
    /// <param name="key">Which item of a row is its key; a time may be moved.</param>
    /// <param name="legacy">Legacy's list.</param>
    /// <param name="new">The new side's.</param>
    /// <param name="isKnown">Whether the element was in the list that both sides agreed on last.</param>
    /// <param name="owner">Who is right about an element that both changed.</param>
    public static ListMerge? Try(int key, RecordList legacy, RecordList @new, Func<object?[], bool> isKnown, Func<SideName?> owner)
    {
        var merge = new ListMerge(key, isKnown, owner);
        return merge.HaveKeys(legacy, merge._theirs) && merge.HaveKeys(@new, merge._ours) && merge.Merge(legacy, @new) ? merge : null;
    }

    private bool HaveKeys(RecordList list, Dictionary<Element, object?[]> byKey) => list.Rows.All(row => byKey.TryAdd(new Element(row[_key]), row));

    private bool Merge(RecordList legacy, RecordList @new)
    {
        foreach (var ours in @new.Rows)
        {
            if (!_theirs.TryGetValue(new Element(ours[_key]), out var theirs))
            {
                Keep(ours, unless: _isKnown(ours));
            }
            else if (!MergePair(theirs, ours))
            {
                return false;
            }
        }

        var added = legacy.Rows.Where(row => !_ours.ContainsKey(new Element(row[_key])) && !_isKnown(row));
        foreach (var row in _moved.Concat(added))
        {
            Insert(row);
        }

        return true;
    }

    private bool MergePair(object?[] theirs, object?[] ours)
    {
        if (AreEqual(theirs, ours) || (_isKnown(theirs) && !_isKnown(ours)))
        {
            _rows.Add(ours);
            return true;
        }

        if (_isKnown(ours) && !_isKnown(theirs))
        {
            _rows.Add(theirs);
            return true;
        }

        if (ours[_key] is DateTime)
        {
            _rows.Add(theirs);
            _moved.Add(Moved(ours));
            return true;
        }

        Decided = _owner();
        Keep(Decided == SideName.Legacy ? theirs : ours, unless: Decided is null);
        return Decided is not null;
    }

    private void Keep(object?[] row, bool unless)
    {
        if (!unless)
        {
            _rows.Add(row);
        }
    }

    // Two entries of one second, and legacy can hold one a second: the old programs would overwrite the first.
    private object?[] Moved(object?[] row)
    {
        var moved = (object?[])row.Clone();
        var time = (DateTime)row[_key]!;
        do
        {
            time = time.AddSeconds(1);
            moved[_key] = time;
        }
        while (_theirs.ContainsKey(new Element(time)) || !_ours.TryAdd(new Element(time), moved));
        return moved;
    }

    // Where the keys have an order, by it: extras are compared in the order of their names, a log is read in that of its times. The order
    // of what is there already stays as it is.
    private void Insert(object?[] row) => _rows.Insert(_rows.FindLastIndex(other => Compare(other, row) <= 0) + 1, row);

    private int Compare(object?[] left, object?[] right) => (left[_key], right[_key]) switch
    {
        (DateTime a, DateTime b) => a.CompareTo(b),
        (string a, string b) => string.CompareOrdinal(a, b),
        _ => 0,
    };

    private static bool AreEqual(object?[] left, object?[] right) => left.Zip(right, Record.ValuesEqual).All(equal => equal);

    /// <summary>A key as one may look it up, also where it is null.</summary>
    private readonly record struct Element(object? Key);
}
