using System.Text.Json;
using System.Text.Json.Nodes;
using Strangler.DualWrite;
using Strangler.Service.Http.Admin;

namespace Strangler.Service.Http.Repositories;

/// <summary>All that is said of one kind of entity so that it can be read and written over HTTP.</summary>
/// <typeparam name="TEntity">The entity.</typeparam>
internal abstract class ResourceDescription<TEntity> : MemberList<TEntity>
    where TEntity : class
{
    /// <summary>The context, whose name is also the path's.</summary>
    public abstract string Context { get; }

    /// <summary>Its kind of entity, whose name is also the schema's.</summary>
    public abstract string Kind { get; }

    /// <summary>In the order in which they are shown, and changed where several are given.</summary>
    public abstract IReadOnlyList<Member<TEntity>> Members { get; }

    /// <summary>Other questions than for one entity by its id.</summary>
    public virtual IReadOnlyList<Question> Questions => [];

    public abstract RepositoryWrapper<TEntity> Of(ContextHost host);

    /// <summary>Makes one of what it must be given, with the id 0.</summary>
    public abstract TEntity Make(Given given, Act act);

    /// <summary>The body of a question: all of it must be there.</summary>
    protected static WantedMembers Asked(params IEnumerable<(string Name, Type Type)> members) =>
        new(members.Select(member => (member.Name, new Wanted(member.Type, TakesNull: false, IsNeeded: true))));

    /// <summary>All members that are shown.</summary>
    public JsonObject Shape(TEntity entity) => new(Members.Where(member => member.Read is not null).Select(member => KeyValuePair.Create(
        member.Name, JsonSerializer.SerializeToNode(member.Read!(entity), member.Type, RepositoryJson.Options))));
}

/// <summary>One asking of a question.</summary>
internal sealed record Inquiry(ApiRequest Request, ContextHost Host, Given Given);

/// <summary>A question that is no reading by id.</summary>
/// <param name="Method">GET, or POST where what is asked for is personal: addresses of requests stand in logs.</param>
/// <param name="Suffix">Behind the context's path; may be "".</param>
/// <param name="What">In a few words.</param>
/// <param name="Answer">Asks; what comes back is an entity, or JSON; null is 404.</param>
internal sealed record Question(string Method, string Suffix, string What, Func<Inquiry, CancellationToken, Task<object?>> Answer)
{
    /// <summary>Whether the answer is an entity, with its ETag.</summary>
    public bool FindsOne { get; init; }

    /// <summary>What the body is called in the OpenAPI document.</summary>
    public string Schema { get; init; } = "";

    /// <summary>What the query may hold.</summary>
    public IReadOnlyList<string> Query { get; init; } = [];

    /// <summary>What the body must hold; none: there is no body.</summary>
    public WantedMembers Body { get; init; } = WantedMembers.None;
}
