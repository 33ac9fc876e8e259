using System.Text;
using Strangler.Mapping.Lenses;
using Strangler.Mapping.Php;

namespace Strangler.Mapping.Converters;

/// <summary>
/// One legacy row while it is read or written: its values, and its LOBs taken apart once. Converters reach into it through
/// <see cref="LegacyPlace"/>. Not for several threads.
/// </summary>
public sealed class LegacyCursor
{
    private readonly LegacyPlan _plan;
    private readonly object?[]?[] _rows;
    private readonly PhpValue?[] _slots;
    private readonly PhpArray?[] _lobs;
    private readonly (string Field, int Size)[] _largest;
    private AggregateRow _row;
    private HashSet<LegacyPlace>? _pinned;

    internal LegacyCursor(LegacyPlan plan, AggregateRow row)
    {
        _plan = plan;
        _row = row;
        _rows = new object?[]?[row.Tables.Length];
        _slots = new PhpValue?[plan.Slots];
        _lobs = new PhpArray?[plan.Lobs.Length];
        _largest = new (string, int)[plan.Lobs.Length];
        TakeRows();
        foreach (var (table, _, _) in plan.Lookups)
        {
            if (_rows[table] is { } referring)
            {
                CheckReferences(table, referring);
            }
        }

        for (var lob = 0; lob < _lobs.Length; lob++)
        {
            OpenLob(lob);
        }
    }

    /// <summary>What no field expresses, as it is met while reading.</summary>
    internal List<Extra> Extras { get; } = [];

    /// <summary>Entries of LOBs whose key the mapping does not know.</summary>
    internal List<UnknownEntry> Unknown { get; } = [];

    internal object? Value(int table, int column) => _rows[table]?[column];

    internal bool HasRow(int table) => _rows[table] is not null;

    /// <summary>The rows of a table of many.</summary>
    internal IReadOnlyList<object?[]> Rows(int table) => _row.Tables[table];

    internal void SetRows(int table, IReadOnlyList<object?[]> rows) => _row.Tables[table] = rows;

    /// <summary>Of a table of many rows: the one that its places mean from now on; null for none.</summary>
    internal void Select(int table, object?[]? row) => _rows[table] = row;

    internal object?[] Blank(int table) => (object?[])_plan.Defaults[table].Clone();

    /// <summary>A reference to a shared row that is not there: what it said, nobody knows.</summary>
    internal void CheckReferences(int table, object?[] row)
    {
        foreach (var (_, reference, lookup) in _plan.Lookups.Where(known => known.Table == table))
        {
            var isMissing = lookup.Columns.Index().Any(column => !column.Item.Nullable && row[lookup.First + column.Index] is null);
            if (isMissing && row[reference] is not null)
            {
                throw new UnreadableException($"{_plan.Layout.Tables[table].Name}.{lookup.ReferencedBy}", $"refers to no row of {lookup.Table}");
            }
        }
    }

    internal PhpValue? Slot(int slot) => _slots[slot];

    /// <summary>From here on it works on a copy of the row.</summary>
    internal void BeginWrite()
    {
        _row = _row.Clone();
        TakeRows();
    }

    internal void SetValue(int table, int column, object? value, string field)
    {
        if (_rows[table] is null && _plan.Owners[table] is { } owner)
        {
            throw new CannotHoldException(field, $"legacy has it only where {owner} is true");
        }

        EnsureRow(table);
        var row = _rows[table]!;
        if (!Record.ValuesEqual(row[column], value))
        {
            Forget(table, column, row);
        }

        row[column] = value;
    }

    /// <summary>Creates a companion row, and the one that it hangs on.</summary>
    internal void EnsureRow(int table)
    {
        if (_rows[table] is not null)
        {
            return;
        }

        if (_plan.Layout.Tables[table].Parent is { } parent)
        {
            EnsureRow(_plan.Layout.IndexOf(parent));
        }

        _rows[table] = (object?[])_plan.Defaults[table].Clone();
        _row.Tables[table] = [_rows[table]!];
    }

    internal void RemoveRow(int table)
    {
        _rows[table] = null;
        _row.Tables[table] = [];
        if (_plan.Layout.Tables[table].ReferencedBy is { } column)
        {
            _rows[0]![_plan.Layout.Root.IndexOf(column)] = null;
        }
    }

    internal void SetSlot(int lob, int slot, PhpKey key, PhpValue? value, string field)
    {
        SetEntry(lob, key, value, field);
        _slots[slot] = value;
    }

    /// <summary>Puts or removes (null) an entry of a LOB.</summary>
    internal void SetEntry(int lob, PhpKey key, PhpValue? value, string field)
    {
        var array = Own(lob);
        if (value is null)
        {
            array.Remove(key);
            return;
        }

        // PHP drops shadowed duplicates with its first save. Left behind, a value that was to be erased would still stand there.
        array.RemoveShadowed(key);
        array.Set(key, value);
        var size = value is PhpString text ? text.Bytes.Length : value is PhpArray nested ? 16 * nested.Count : 8;
        if (_largest[lob].Field is null || size >= _largest[lob].Size)
        {
            _largest[lob] = (field, size);
        }
    }

    /// <summary>Marks a place whose raw value was given by an extra, so that no mirror writes over it.</summary>
    internal void Pin(LegacyPlace place) => (_pinned ??= []).Add(place);

    internal bool IsPinned(LegacyPlace place) => _pinned is not null && _pinned.Contains(place);

    /// <summary>The row with its LOBs put together again. An untouched LOB keeps its text.</summary>
    internal AggregateRow Finish()
    {
        for (var at = 0; at < _lobs.Length; at++)
        {
            if (_largest[at].Field is not { } field)
            {
                continue;
            }

            var lob = _plan.Lobs[at];
            var text = PhpBlob.Encode(_lobs[at]!);
            if (lob.MaxBytes > 0 && text.Length > lob.MaxBytes)
            {
                throw new CannotHoldException(field, $"{lob.Name} would be longer than its {lob.MaxBytes} bytes");
            }

            SetValue(lob.Table, lob.Column, text, field);
        }

        return _row;
    }

    // Another shared row is meant from now on.
    private void Forget(int table, int column, object?[] row)
    {
        foreach (var (of, reference, lookup) in _plan.Lookups)
        {
            if (of == table && column >= lookup.First && column < lookup.First + lookup.Columns.Count)
            {
                row[reference] = null;
            }
        }
    }

    private void TakeRows()
    {
        for (var table = 0; table < _rows.Length; table++)
        {
            var isSingle = _plan.Layout.Tables[table].Role != TableRole.Many && _row.Tables[table].Count > 0;
            _rows[table] = isSingle ? _row.Tables[table][0] : null;
        }
    }

    private void OpenLob(int at)
    {
        var lob = _plan.Lobs[at];
        if (Value(lob.Table, lob.Column) is not string { Length: > 0 } text || Array.IndexOf(lob.EmptyLiterals, text) >= 0)
        {
            return;
        }

        var content = PhpBlob.Decode(text);
        if (!content.IsReadable)
        {
            throw new UnreadableException(lob.Name, Reason(content));
        }

        _lobs[at] = content.Array;
        foreach (var (key, value) in content.Array)
        {
            var slot = key.IsInt ? -1 : lob.Keys.Find(key.Bytes.Span);
            if (slot >= 0)
            {
                _slots[slot] = value;
            }
            else
            {
                Unknown.Add(new UnknownEntry(at, key, value));
            }
        }
    }

    private static string Reason(PhpBlobContent content) => content.Error switch
    {
        PhpBlobError.NotBase64 => "is not base64",
        PhpBlobError.NotAnArray => "does not hold an array",
        _ => $"is not serialized by PHP: {content.Detail!.Reason}",
    };

    // A LOB is copied before its first change: the array that was read may still be looked at.
    private PhpArray Own(int lob)
    {
        if (_largest[lob].Field is null)
        {
            _lobs[lob] = _lobs[lob]?.Copy() ?? new PhpArray();
            _largest[lob] = ("", -1);
        }

        return _lobs[lob]!;
    }

    /// <param name="Lob">Which LOB.</param>
    internal readonly record struct UnknownEntry(int Lob, PhpKey Key, PhpValue Value)
    {
        /// <summary>
        /// The key as text that tells any two keys apart: UTF-8 as it is, percent signs, control characters and other bytes as %XX.
        /// </summary>
        public static string NameOf(PhpKey key)
        {
            if (key.IsInt)
            {
                return key.Number.ToString(System.Globalization.CultureInfo.InvariantCulture);
            }

            var bytes = key.Bytes.Span;
            return bytes.IndexOfAnyInRange((byte)0, (byte)0x1F) < 0 && bytes.IndexOf((byte)'%') < 0
                && System.Text.Unicode.Utf8.IsValid(bytes)
                ? Encoding.UTF8.GetString(bytes)
                : Escape(bytes);
        }

        /// <summary>The key of such a name; false for a name that <see cref="NameOf"/> never gives.</summary>
        public static bool TryKey(ReadOnlySpan<char> name, out PhpKey key)
        {
            key = default;
            List<byte> bytes = [];
            foreach (var part in name.ToString().Split('%').Select((text, at) => (text, at)))
            {
                var text = part.text.AsSpan();
                if (part.at > 0)
                {
                    if (text.Length < 2
                        || !byte.TryParse(text[..2], System.Globalization.NumberStyles.AllowHexSpecifier, null, out var code))
                    {
                        return false;
                    }

                    bytes.Add(code);
                    text = text[2..];
                }

                bytes.AddRange(Encoding.UTF8.GetBytes(text.ToString()));
            }

            key = PhpKey.Of(bytes.ToArray());
            return name.SequenceEqual(NameOf(key));
        }

        private static string Escape(ReadOnlySpan<byte> bytes)
        {
            var text = new StringBuilder();
            while (!bytes.IsEmpty)
            {
                var status = Rune.DecodeFromUtf8(bytes, out var rune, out var length);
                if (status == System.Buffers.OperationStatus.Done && rune.Value >= 0x20 && rune.Value != '%')
                {
                    text.Append(rune.ToString());
                }
                else
                {
                    foreach (var code in bytes[..length])
                    {
                        text.Append('%').Append(code.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
                    }
                }

                bytes = bytes[length..];
            }

            return text.ToString();
        }
    }
}
