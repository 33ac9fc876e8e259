using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Merging;

/// <summary>What is merged.</summary>
internal sealed record MergeInput(Record? Legacy, Record? New, MergeRules Rules, IRecordLens LegacyLens)
{
    /// <summary>
    /// The new side has written nothing since it accepted legacy's state: no hashes are needed to know that it changed nothing.
    /// </summary>
    public bool IsNewUntouched { get; init; }

    /// <summary>Null when its hashes are missing, or it was absent.</summary>
    public MergeBase? Base { get; init; }

    /// <summary>The entity was on neither side then.</summary>
    public bool WasAbsent { get; init; }

    /// <summary>Whose write was the last, for <see cref="FieldOwner.Newest"/>; null when that is not known.</summary>
    public SideName? Later { get; init; }

    /// <summary>What an operator has decided.</summary>
    public MergeDecision? Decision { get; init; }
}

/// <summary>An operator's word: of the fields named that side's value, of all others <see cref="Otherwise"/>'s.</summary>
public sealed record MergeDecision(SideName? Otherwise, IReadOnlyDictionary<string, SideName> Fields)
{
    internal SideName? Of(string field) => Fields.TryGetValue(field, out var side) ? side : Otherwise;
}

/// <summary>A clash that a rule, or an operator, has decided.</summary>
public sealed record DecidedField(string Field, SideName Winner);

/// <summary>What a merge comes to.</summary>
/// <param name="Record">What both sides are to hold; null: nothing. Not to be used while <paramref name="Conflicts"/> is not empty.</param>
/// <param name="Decided">Clashes that were decided.</param>
/// <param name="Conflicts">Clashes that nobody has decided: names of fields, or <see cref="FieldMerge.Existence"/>.</param>
/// <param name="Reason">Why not, where it is more than that no owner is declared.</param>
/// <param name="AsksTimes">A rule wants to know whose write was later.</param>
internal sealed record MergeOutcome(
    Record? Record, IReadOnlyList<DecidedField> Decided, IReadOnlyList<string> Conflicts, string Reason = "", bool AsksTimes = false);

/// <summary>
/// The merge of what another program made of a legacy row with what the new side has made of the entity meanwhile, field by field. Pure.
/// </summary>
/// <remarks>
/// A field that legacy's <c>get</c> shows as it did when the sides last agreed is unchanged there, also where legacy hides it and derives
/// the same; what it no longer shows says nothing. Anonymized on either side wins: that side's personal values, the other's are lost.
/// </remarks>
internal sealed class FieldMerge
{
    /// <summary>The name of the clash that one side has deleted what the other changed.</summary>
    public const string Existence = "(existence)";

    private const string NoHashes =
        "the hashes of the state that both sides last agreed on are missing, or of another mapping version or hash key: nobody can tell who changed what";

    private readonly MergeInput _input;
    private readonly List<DecidedField> _decided = [];
    private readonly List<string> _conflicts = [];
    private bool _asksTimes;

    private FieldMerge(MergeInput input) => _input = input;

    public static MergeOutcome Decide(MergeInput input) => new FieldMerge(input).Decide();

    private MergeOutcome Decide() => (_input.Legacy, _input.New) switch
    {
        (null, null) => Done(null),
        (null, { } @new) => LegacyIsGone(@new),
        ({ } legacy, null) => NewIsGone(legacy),
        ({ } legacy, { } @new) => Both(legacy, @new),
    };

    private MergeOutcome LegacyIsGone(Record @new)
    {
        if (_input.IsNewUntouched || (_input.Base is { } known && IsUnchanged(known, SideName.New, @new)))
        {
            return Done(null);
        }

        return _input.WasAbsent ? Done(@new) : Exists(_input.Base is null ? NoHashes : "", SideName.New, @new);
    }

    private MergeOutcome NewIsGone(Record legacy)
    {
        if (_input.IsNewUntouched || _input.WasAbsent)
        {
            return Done(RecordMerge.Fill(legacy, null, _input.LegacyLens));
        }

        return _input.Base is { } known && IsUnchanged(known, SideName.Legacy, legacy)
            ? Done(null)
            : Exists(_input.Base is null ? NoHashes : "", SideName.Legacy, legacy);
    }

    private static bool IsUnchanged(MergeBase known, SideName side, Record record)
    {
        for (var i = 0; i < record.Values.Length; i++)
        {
            if (!known.IsUnchanged(side, i, record.Values[i]))
            {
                return false;
            }
        }

        return true;
    }

    private MergeOutcome Exists(string reason, SideName where, Record record)
    {
        var decision = _input.Decision?.Of(Existence);
        if ((decision ?? (reason.Length == 0 ? Owner(_input.Rules.Existence) : null)) is not { } winner)
        {
            return new MergeOutcome(null, _decided, [Existence], reason, _asksTimes);
        }

        _decided.Add(new DecidedField(Existence, winner));
        return Done(winner == where ? record : null);
    }

    private MergeOutcome Both(Record legacy, Record @new)
    {
        var (legacyErased, newErased) = (_input.Rules.IsErased(legacy), _input.Rules.IsErased(@new));
        SideName? erased = legacyErased == newErased ? null : legacyErased ? SideName.Legacy : SideName.New;
        if (_input.IsNewUntouched)
        {
            return Done(Erase(RecordMerge.Fill(legacy, @new, _input.LegacyLens), legacy, @new, erased));
        }

        if (_input.WasAbsent && !legacy.AgreesWith(@new))
        {
            return Born(legacy, @new, erased);
        }

        var known = _input.Base is { } hashes && !hashes.IsStrangerTo(legacy, @new) ? hashes : null;
        var merged = Fields(legacy, @new, known, erased);
        return new MergeOutcome(
            Erase(merged, legacy, @new, erased), _decided, _conflicts, _conflicts.Count > 0 && known is null ? NoHashes : "", _asksTimes);
    }

    // Two entities that got one id. No field of the one belongs into the other.
    private MergeOutcome Born(Record legacy, Record @new, SideName? erased)
    {
        if ((erased ?? _input.Decision?.Of(Existence)) is not { } winner)
        {
            return new MergeOutcome(null, _decided, [Existence], "both sides have created an entity with this id");
        }

        _decided.Add(new DecidedField(Existence, winner));
        return Done(winner == SideName.Legacy ? RecordMerge.Fill(legacy, null, _input.LegacyLens) : @new);
    }

    private Record Fields(Record legacy, Record @new, MergeBase? known, SideName? erased)
    {
        var values = (object?[])@new.Values.Clone();
        for (var i = 0; i < values.Length; i++)
        {
            var (theirs, ours) = (AcceptedHashes.Seen(legacy.Values[i]), @new.Values[i]);
            var isHidden = legacy.Values[i] is Hidden;
            if (Record.ValuesEqual(theirs, ours) || (known?.IsUnchanged(SideName.Legacy, i, legacy.Values[i]) ?? isHidden))
            {
                continue;
            }

            var field = legacy.Schema.Fields[i];
            values[i] = known is not null && known.IsUnchanged(SideName.New, i, ours) ? theirs
                : known is not null && erased is null && ByElement(field, theirs, ours, known) is { } list ? list
                : Winner(field, known, erased) == SideName.Legacy ? theirs
                : ours;
        }

        return new Record(@new.Schema, values);
    }

    // Not where an operator has decided: he has seen the lists as a whole.
    private RecordList? ByElement(RecordField field, object? theirs, object? ours, MergeBase known)
    {
        if (field.ElementKey is not { } key || theirs is not RecordList legacy || ours is not RecordList @new || _input.Decision?.Of(field.Name) is not null)
        {
            return null;
        }

        var merge = ListMerge.Try(
            key, legacy, @new, row => known.HadElement(field.Ordinal, row), () => Owner(_input.Rules.OwnerOf(field.Ordinal)));
        if (merge?.Decided is { } winner)
        {
            _decided.Add(new DecidedField(field.Name, winner));
        }

        return merge?.List;
    }

    private SideName? Winner(RecordField field, MergeBase? known, SideName? erased)
    {
        var winner = erased ?? _input.Decision?.Of(field.Name) ?? (known is null ? null : Owner(_input.Rules.OwnerOf(field.Ordinal)));
        if (winner is { } side)
        {
            _decided.Add(new DecidedField(field.Name, side));
        }
        else
        {
            _conflicts.Add(field.Name);
        }

        return winner;
    }

    private SideName? Owner(FieldOwner owner)
    {
        _asksTimes |= owner == FieldOwner.Newest;
        return owner switch
        {
            FieldOwner.Legacy => SideName.Legacy,
            FieldOwner.New => SideName.New,
            FieldOwner.Newest => _input.Later,
            _ => null,
        };
    }

    private Record Erase(Record merged, Record legacy, Record @new, SideName? erased)
    {
        if (erased is not { } side)
        {
            return merged;
        }

        var source = side == SideName.Legacy ? legacy : @new;
        var values = (object?[])merged.Values.Clone();
        foreach (var field in merged.Schema.Fields.Where(field => MergeRules.IsPersonal(field) || field.Ordinal == _input.Rules.ErasedBy))
        {
            values[field.Ordinal] = AcceptedHashes.Seen(source.Values[field.Ordinal]);
        }

        return new Record(merged.Schema, values);
    }

    private MergeOutcome Done(Record? record) => new(record, _decided, []);
}
