namespace Strangler.Service.Http.Repositories;

/// <summary>What may be given under a name.</summary>
/// <param name="Type">Of its value.</param>
/// <param name="TakesNull">Whether null is one.</param>
/// <param name="IsNeeded">Whether it must be given.</param>
internal sealed record Wanted(Type Type, bool TakesNull, bool IsNeeded);

/// <summary>All that a body may give, in the order in which it is shown.</summary>
internal sealed class WantedMembers(IEnumerable<(string Name, Wanted Wanted)> members)
{
    private readonly Dictionary<string, Wanted> _members =
        members.ToDictionary(member => member.Name, member => member.Wanted, StringComparer.Ordinal);

    /// <summary>No body.</summary>
    public static WantedMembers None { get; } = new([]);

    public bool Any => _members.Count > 0;

    /// <summary>For messages.</summary>
    public string Names => string.Join(", ", _members.Keys);

    public IEnumerable<(string Name, Wanted Wanted)> All => _members.Select(member => (member.Key, member.Value));

    public Wanted this[string name] => _members[name];

    public Wanted? Find(string name) => _members.GetValueOrDefault(name);
}
