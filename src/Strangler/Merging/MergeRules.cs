using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Merging;

/// <summary>Who is right where both sides changed the same field to different values while the new side leads.</summary>
public enum FieldOwner
{
    /// <summary>Nobody is known to be: the key is in conflict until an operator decides.</summary>
    Ask,

    /// <summary>The other program, in legacy.</summary>
    Legacy,

    /// <summary>The write that led on the new side.</summary>
    New,

    /// <summary>
    /// Whoever wrote last: told by the ages of what is owed in both journals, each by its own server's clock, so that clocks which differ
    /// decide nothing. Times are kept a key, not a field; hence only where every unmerged write of the one side is later than every one of
    /// the other. Writes to and fro, within a moment of one another, or a row that is gone: as <see cref="Ask"/>.
    /// </summary>
    Newest,
}

/// <summary>What the mapping declares for merging writes of other programs. Immutable.</summary>
public sealed class MergeRules
{
    private readonly FieldOwner[] _owners;

    /// <param name="owners">By ordinal; missing ones are <see cref="FieldOwner.Ask"/>.</param>
    /// <param name="existence">Who is right where one side deleted the entity and the other changed it.</param>
    /// <param name="erasedBy">The ordinal of the boolean field that says that personal data was erased; null when there is none.</param>
    public MergeRules(IReadOnlyList<FieldOwner> owners, FieldOwner existence, int? erasedBy) =>
        (_owners, Existence, ErasedBy) = ([.. owners], existence, erasedBy);

    /// <summary>Nothing is declared: every clash asks.</summary>
    public static MergeRules Undeclared { get; } = new([], FieldOwner.Ask, null);

    public FieldOwner Existence { get; }

    public int? ErasedBy { get; }

    public FieldOwner OwnerOf(int ordinal) => ordinal < _owners.Length ? _owners[ordinal] : FieldOwner.Ask;

    /// <summary>Whether the record says that its personal data was erased.</summary>
    public bool IsErased(Record? record) =>
        record is not null && ErasedBy is { } at && record.Values[at] switch { Hidden hidden => hidden.Derived is true, var value => value is true };

    internal static bool IsPersonal(RecordField field) => field.Personal || field.Items.Any(IsPersonal);
}
