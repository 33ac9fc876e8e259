using System.Globalization;

namespace Strangler.Mapping;

/// <summary>What is looked for in legacy's rows.</summary>
public enum FindingCheck
{
    /// <summary>The reference holds the row's own id.</summary>
    OwnId,

    /// <summary>The reference leads to an entity that is not there.</summary>
    NoTarget,

    /// <summary>The field has the value, and the entity that is referred to says otherwise.</summary>
    TargetSays,

    /// <summary>The field says something else than the field <see cref="DeclaredFinding.Other"/> of the entity that is referred to.</summary>
    TargetDiffers,

    /// <summary>The field has the value, and another field of the row says otherwise by holding anything.</summary>
    RowSays,

    /// <summary>The field has the value: a state in which nobody can tell more.</summary>
    Says,

    /// <summary>An item of a list names an entity that is not there.</summary>
    ListedNoTarget,

    /// <summary>An item of a list names an entity whose reference leads nowhere, where it should lead back.</summary>
    ListedOneSided,

    /// <summary>An item of a list names an entity whose reference leads elsewhere, or which denies what the item says besides.</summary>
    ListedDenied,

    /// <summary>The row of a referenced table is another entity's as well.</summary>
    SharedRow,

    /// <summary>A row of a referenced table to which no entity refers.</summary>
    UnreferencedRow,
}

/// <summary>What the entity at the other end of a reference says against the row.</summary>
/// <param name="When">The reference's code; null where it has one target.</param>
/// <param name="Field">The target's field, not personal.</param>
/// <param name="Value">Its value as text.</param>
public sealed record FindingTarget(string? When, string Field, string Value);

/// <summary>Where a list names entities.</summary>
/// <param name="List">The list's field.</param>
/// <param name="Item">The place of the item that names one.</param>
/// <param name="After">What a text begins with that names one: its id is the number behind. Empty where the item is a number.</param>
public sealed record ListedIds(string List, int Item, IReadOnlyList<string> After)
{
    /// <summary>Rows of the list that name an entity.</summary>
    public IEnumerable<(long Id, object?[] Row)> Of(Record record) =>
        record.Visible(List) is RecordList list ? list.Rows.Select(row => (IdOf(row[Item]), row)).Where(one => one.Item1 > 0) : [];

    private long IdOf(object? value) => value switch
    {
        long id => id,
        string text when After.FirstOrDefault(start => text.StartsWith(start, StringComparison.Ordinal)) is { } start
            && long.TryParse(text.AsSpan(start.Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var id) => id,
        _ => 0,
    };
}

/// <summary>
/// Damage that is known to be in legacy's rows: carried over as it is, and listed row by row with its evidence. Evidence names fields, codes
/// and ids, never personal values.
/// </summary>
/// <param name="Kind">The kind of entity.</param>
/// <param name="Name">Unique within the kind.</param>
/// <param name="Check">What is looked for.</param>
/// <param name="Reason">How it came about, and what it means.</param>
public sealed record DeclaredFinding(string Kind, string Name, FindingCheck Check, string Reason)
{
    /// <summary>Of checks of references.</summary>
    public string? Reference { get; init; }

    public string? Field { get; init; }

    public string? Value { get; init; }

    /// <summary>
    /// Of <see cref="FindingCheck.RowSays"/>, and of <see cref="FindingCheck.Says"/>, which tells it along; of what a list names, the field of the entity
    /// there that <see cref="Same"/> is compared with.
    /// </summary>
    public string? Other { get; init; }

    /// <summary>Of checks of what a list names.</summary>
    public ListedIds? Listed { get; init; }

    /// <summary>The place of another item of that list.</summary>
    public int? Same { get; init; }

    /// <summary>Of checks of a referenced table.</summary>
    public string? Table { get; init; }

    /// <summary>With <see cref="Before"/>: only rows whose time lies before that day, or that have none.</summary>
    public string? Time { get; init; }

    public DateOnly? Before { get; init; }

    public IReadOnlyList<FindingTarget> Targets { get; init; } = [];
}
