namespace Strangler.Service.Http.Repositories;

/// <summary>Who makes a request, and when.</summary>
/// <param name="Now">Civil time of the organisation.</param>
/// <param name="By">As the audit trail calls them.</param>
internal sealed record Act(DateTime Now, string By)
{
    /// <summary>One UUID for all that is done by one request.</summary>
    public string Uuid { get; } = Guid.NewGuid().ToString();
}

/// <summary>What may be done with a member when an entity is made.</summary>
internal enum AtCreation
{
    /// <summary>Nothing: it comes of itself.</summary>
    Never,

    /// <summary>It may be given, and is then changed to that.</summary>
    Changed,

    /// <summary>It may be given, and the entity is made with it.</summary>
    May,

    /// <summary>Likewise, and it must be.</summary>
    Must,
}

/// <summary>One member of an entity's JSON: how it is read, and what giving it does. The domain decides whether that may be.</summary>
/// <param name="Name">In snake case.</param>
/// <param name="Type">Of its value.</param>
internal sealed record Member<TEntity>(string Name, Type Type)
{
    /// <summary>Whether null is a value of it.</summary>
    public bool IsNullable { get; init; }

    /// <summary>Null: it is given, and not shown.</summary>
    public Func<TEntity, object?>? Read { get; init; }

    /// <summary>Null: it never changes, or not from outside.</summary>
    public Action<TEntity, object?, Act>? Change { get; init; }

    public AtCreation AtCreation { get; init; }

    /// <summary>Whether null may be given for it.</summary>
    public bool TakesNull { get; init; }

    /// <summary>Whether an entity may be made with it.</summary>
    public bool IsGivenAtCreation => AtCreation != AtCreation.Never;
}

/// <summary>Members as their descriptions are written, one line each.</summary>
/// <typeparam name="TEntity">Whose.</typeparam>
internal abstract class MemberList<TEntity>
{
    /// <summary>Only shown.</summary>
    protected static Member<TEntity> Shown<T>(string name, Func<TEntity, T> read, bool isNullable = false) =>
        new(name, typeof(T))
        {
            Read = entity => read(entity), IsNullable = isNullable || Nullable.GetUnderlyingType(typeof(T)) is not null,
        };

    /// <summary>An entity is made with it, and keeps it unless there is a change.</summary>
    protected static Member<TEntity> Made<T>(
        string name, Func<TEntity, T> read, Action<TEntity, T, Act>? change = null, bool isNeeded = true) =>
        Shown(name, read) with { Change = Of(read, change), AtCreation = isNeeded ? AtCreation.Must : AtCreation.May };

    /// <summary>It is there or not, and can be changed.</summary>
    protected static Member<TEntity> Changed<T>(
        string name, Func<TEntity, T> read, Action<TEntity, T, Act> change, bool isNullable = false, bool takesNull = false) =>
        Shown(name, read, isNullable) with { Change = Of(read, change), AtCreation = AtCreation.Changed, TakesNull = takesNull };

    /// <summary>A flag of which each way is an act of its own.</summary>
    protected static Member<TEntity> Flag(
        string name, Func<TEntity, bool> read, Action<TEntity, Act> set, Action<TEntity, Act>? takeBack = null)
    {
        return Changed(name, read, (entity, isSet, act) => (isSet ? set : takeBack ?? ForGood)(entity, act));

        static void ForGood(TEntity entity, Act act) => throw new InvalidOperationException("What is done cannot be taken back.");
    }

    /// <summary>Not shown: something that is done.</summary>
    protected static Member<TEntity> Done<T>(string name, Action<TEntity, T, Act> change) =>
        new(name, typeof(T)) { Change = (entity, value, act) => change(entity, (T)value!, act), AtCreation = AtCreation.Changed };

    // What is so already is not done again: a request that is sent twice is one.
    private static Action<TEntity, object?, Act>? Of<T>(Func<TEntity, T> read, Action<TEntity, T, Act>? change)
    {
        return change is null ? null : ChangeIfOther;

        void ChangeIfOther(TEntity entity, object? value, Act act)
        {
            if (!Equals(read(entity), value))
            {
                change(entity, (T)value!, act);
            }
        }
    }
}
