using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Admin;

namespace Strangler.Service.Http.Repositories;

/// <summary>A context's entities over HTTP.</summary>
internal abstract class Resource
{
    /// <summary>Before every path: what is below it changes only by additions.</summary>
    public const string Prefix = "/v1";

    public abstract string Context { get; }

    /// <summary>Its routes, for the table.</summary>
    public abstract IReadOnlyList<RouteNeed> Needs { get; }

    /// <summary>What the bodies of its routes are called, for the OpenAPI document.</summary>
    public abstract IReadOnlyDictionary<string, JsonObject> Schemas { get; }

    public abstract void Map(ApiHandler api, ILogger log);
}

/// <summary>
/// Create, read, change and remove one kind of entity by the public id, through the context's wrapper: the same in every stage. A create
/// needs a request key, every other write the version that was read.
/// </summary>
/// <param name="description">Which, and what it has.</param>
internal sealed class Resource<TEntity>(ResourceDescription<TEntity> description) : Resource
    where TEntity : class
{
    private readonly WantedMembers _atCreation = new(description.Members
        .Where(member => member.IsGivenAtCreation)
        .Select(member => (member.Name, new Wanted(member.Type, member.TakesNull, member.AtCreation == AtCreation.Must))));

    private readonly WantedMembers _changes = new(description.Members
        .Where(member => member.Change is not null)
        .Select(member => (member.Name, new Wanted(member.Type, member.TakesNull, IsNeeded: false))));

    public override string Context => description.Context;

    public override IReadOnlyList<RouteNeed> Needs =>
    [
        Need("POST", All, $"make a {Words}; Idempotency-Key") with
        {
            BodySchema = $"new_{Name}", AnswerSchema = Name, Status = StatusCodes.Status201Created, Headers = [RequestKeys.Header],
        },
        Need("GET", One, $"one {Words}; ETag") with { AnswerSchema = Name, OptionalHeaders = ["If-None-Match"] },
        Need("PATCH", One, "change what is given of it; If-Match") with
        {
            BodySchema = $"{Name}_change", AnswerSchema = Name, Headers = [Versions.IfMatch], OptionalHeaders = [RequestKeys.Header],
        },
        Need("DELETE", One, "remove it for good; If-Match; audited") with
        {
            Status = StatusCodes.Status204NoContent, Headers = [Versions.IfMatch],
        },
        .. description.Questions.Select(question => Need(question.Method, All + question.Suffix, question.What) with
        {
            Query = question.Query,
            BodySchema = question.Body.Any ? question.Schema : null,
            AnswerSchema = question.FindsOne ? Name : null,
        }),
    ];

    public override IReadOnlyDictionary<string, JsonObject> Schemas => description.Questions.Where(question => question.Body.Any)
        .Select(question => (question.Schema, MemberSchema.Of(question.Body)))
        .Prepend(($"{Name}_change", MemberSchema.Of(_changes)))
        .Prepend(($"new_{Name}", MemberSchema.Of(_atCreation)))
        .Prepend((Name, MemberSchema.Of(description.Members
            .Where(member => member.Read is not null)
            .Select(member => (member.Name, new Wanted(member.Type, member.IsNullable, IsNeeded: true))))))
        .ToDictionary(schema => schema.Item1, schema => schema.Item2, StringComparer.Ordinal);

    private string All => $"{Prefix}/{description.Context}";

    private string One => $"{All}/{{id}}";

    // By which, and nothing else, an erasure is asked for, where there is one.
    private const string Erasure = "is_anonymized";

    private string Name => description.Kind.Replace('-', '_');

    private string Words => description.Kind.Replace('-', ' ');

    public override void Map(ApiHandler api, ILogger log)
    {
        api.Map(HttpMethods.Post, All, (request, token) => CreateAsync(request, log, token));
        api.Map(HttpMethods.Get, One, ReadAsync);
        api.Map(HttpMethods.Patch, One, (request, token) => ChangeAsync(request, log, token));
        api.Map(HttpMethods.Delete, One, (request, token) => RemoveAsync(request, log, token));
        foreach (var question in description.Questions)
        {
            api.Map(question.Method, All + question.Suffix, (request, token) => AskAsync(request, question, token));
        }
    }

    private async Task<object?> CreateAsync(ApiRequest request, ILogger log, CancellationToken cancellationToken)
    {
        var (host, entities) = Served(request);
        var key = RequestKeys.Of(request, request.Http.Request.Method) ?? throw Refusal.Bad(
            $"Send {RequestKeys.Header} with a text that no other create of yours has, such as a UUID: then nothing is made twice.");
        var given = await Given.ReadAsync(request, _atCreation, cancellationToken).ConfigureAwait(false);
        var act = ActOf(request, host);
        var entity = Domain("", () => description.Make(given, act));
        Change(entity, given, act, description.Members.Where(member => member.AtCreation == AtCreation.Changed));
        var result = await entities.StoreAsync(entity, cancellationToken, key, request.Actor).ConfigureAwait(false);
        request.Http.Response.Headers.Location = $"{All}/{result.Id}";
        if (entities.Held(result) is not { } made)
        {
            // It is shown as it is now: whoever sends a request again may have changed it since.
            made = await entities.FindAsync(result.Id, cancellationToken).ConfigureAwait(false) ?? throw new ApiException(
                StatusCodes.Status410Gone, $"{description.Kind} {result.Id} was made by this request, and has been removed since.");
            return Shown(request, entities, made);
        }

        log.Changed(request.Actor, "made", $"{description.Kind} {result.Id}", Context, given.Names);
        request.Http.Response.StatusCode = StatusCodes.Status201Created;
        return Shown(request, entities, made);
    }

    private async Task<object?> ReadAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var (_, entities) = Served(request);
        var entity = await FindAsync(entities, request.Number("id"), cancellationToken).ConfigureAwait(false);
        if (request.Http.Request.Headers.IfNoneMatch == Versions.TagOf(entities.TokenOf(entity)!))
        {
            request.Http.Response.Headers.ETag = request.Http.Request.Headers.IfNoneMatch;
            request.Http.Response.StatusCode = StatusCodes.Status304NotModified;
            return null;
        }

        return Shown(request, entities, entity);
    }

    private async Task<object?> ChangeAsync(ApiRequest request, ILogger log, CancellationToken cancellationToken)
    {
        var (host, entities) = Served(request);
        var (key, seen) = (KeyOf(request), Versions.Of(request));
        var given = await Given.ReadAsync(request, _changes, cancellationToken).ConfigureAwait(false);

        // Another change under the same key is another request, which has not been carried out.
        var requestKey = RequestKeys.Of(
            request, $"{request.Http.Request.Method} {key} {request.Http.Request.Headers.IfMatch} {Convert.ToHexStringLower(given.Print)}");
        if (given.Values.Count == 0)
        {
            throw Refusal.Bad($"Nothing is given to be changed; there are: {_changes.Names}.");
        }

        var entity = await FindAsync(entities, key.Id, cancellationToken).ConfigureAwait(false);
        if (seen?.IsStill(entities.TokenOf(entity)!) != true)
        {
            await RequireReplayAsync(host, key, requestKey, request.Actor, cancellationToken).ConfigureAwait(false);
            return Shown(request, entities, entity);
        }

        Change(entity, given, ActOf(request, host), description.Members);
        var result = await (given.Find<bool?>(Erasure) == true
            ? AuditDesk.ActAsync(host, request.Actor, "erase", key, StoreAsync, log, cancellationToken)
            : StoreAsync()).ConfigureAwait(false);
        log.Changed(request.Actor, "changed", $"{key}", Context, given.Names);
        return Shown(
            request, entities, entities.Held(result) ?? await FindAsync(entities, key.Id, cancellationToken).ConfigureAwait(false));

        Task<WriteResult> StoreAsync() => entities.StoreAsync(entity, cancellationToken, requestKey, request.Actor);
    }

    // Not what was seen: unless it is this very request that has changed it, and its answer got lost.
    private static async Task RequireReplayAsync(
        ContextHost host, EntityKey key, string? requestKey, string actor, CancellationToken cancellationToken)
    {
        var refused = Stale(key);
        if (requestKey is null)
        {
            throw refused;
        }

        var again = new WriteCommand { Key = key, RequestKey = requestKey, Actor = actor, Write = (_, _, _, _) => throw refused };
        await host.Writer.WriteAsync(again, cancellationToken).ConfigureAwait(false);
    }

    private async Task<object?> RemoveAsync(ApiRequest request, ILogger log, CancellationToken cancellationToken)
    {
        var (host, entities) = Served(request);
        var (key, seen) = (KeyOf(request), Versions.Of(request));
        var token = entities.TokenOf(await FindAsync(entities, key.Id, cancellationToken).ConfigureAwait(false))!;
        if (seen?.IsStill(token) != true)
        {
            throw Stale(key);
        }

        await AuditDesk.ActAsync(
            host, request.Actor, "remove", key,
            async () =>
            {
                await entities.DeleteAsync(key.Id, cancellationToken, null, request.Actor, token).ConfigureAwait(false);
                return true;
            },
            log, cancellationToken).ConfigureAwait(false);
        log.Changed(request.Actor, "removed", $"{key}", Context, "-");
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
        return null;
    }

    private async Task<object?> AskAsync(ApiRequest request, Question question, CancellationToken cancellationToken)
    {
        var (host, entities) = Served(request);
        var given = question.Body.Any
            ? await Given.ReadAsync(request, question.Body, cancellationToken).ConfigureAwait(false) : Given.Nothing;
        var answer = await question.Answer(new Inquiry(request, host, given), cancellationToken).ConfigureAwait(false)
            ?? throw Refusal.NotThere($"There is no such {Words}.");
        return answer is TEntity entity ? Shown(request, entities, entity) : answer;
    }

    private static void Change(TEntity entity, Given given, Act act, IEnumerable<Member<TEntity>> members)
    {
        foreach (var member in members.Where(member => given.Values.ContainsKey(member.Name)))
        {
            Domain(member.Name, () =>
            {
                member.Change!(entity, given.Values[member.Name], act);
                return entity;
            });
        }
    }

    // Only here do such exceptions come from the domain, whose words are made for the caller.
    private static T Domain<T>(string member, Func<T> act)
    {
        try
        {
            return act();
        }
        catch (Exception exception) when (exception is ArgumentException or OverflowException)
        {
            var parameter = (exception as ArgumentException)?.ParamName ?? "";
            var name = member.Length > 0 ? member : JsonNamingPolicy.SnakeCaseLower.ConvertName(parameter);
            throw Refusal.Senseless(name, exception.Message.Split(" (Parameter")[0].ReplaceLineEndings(" "));
        }
        catch (InvalidOperationException exception)
        {
            throw Refusal.NotNow(member, exception.Message);
        }
    }

    private async Task<TEntity> FindAsync(RepositoryWrapper<TEntity> entities, long id, CancellationToken cancellationToken) =>
        await entities.FindAsync(id, cancellationToken).ConfigureAwait(false)
        ?? throw Refusal.NotThere($"There is no {Words} {id}.");

    private JsonObject Shown(ApiRequest request, RepositoryWrapper<TEntity> entities, TEntity entity)
    {
        request.Http.Response.Headers.ETag = Versions.TagOf(entities.TokenOf(entity)!);
        return description.Shape(entity);
    }

    private (ContextHost Host, RepositoryWrapper<TEntity> Entities) Served(ApiRequest request) =>
        request.Parts.Options.Repositories.Contains(Context) && request.Parts.Find(Context) is { } host
            ? (host, description.Of(host))
            : throw Refusal.NotThere($"{Context} is not served here: the configuration's setting http.repositories does not name it.");

    private Act ActOf(ApiRequest request, ContextHost host) =>
        new(TimeZoneInfo.ConvertTime(request.Parts.Time.GetUtcNow(), host.Mappings[description.Kind].TimeZone).DateTime, request.Actor);

    private EntityKey KeyOf(ApiRequest request) => new(description.Kind, request.Number("id"));

    private static ConflictException Stale(EntityKey key) => new(key, "another version", "the present one");

    private RouteNeed Need(string method, string pattern, string what) => new(method, pattern, Role.Frontend, what) { Context = Context };

    /// <summary>The version that a client has seen.</summary>
    private static class Versions
    {
        public const string IfMatch = "If-Match";

        public static string TagOf(LoadToken token) => $"\"{token.ToTag()}\"";

        /// <summary>Null: it cannot be one of ours.</summary>
        public static LoadToken? Of(ApiRequest request)
        {
            var given = request.Http.Request.Headers.IfMatch.ToString();
            return given.Length == 0
                ? throw new ApiException(
                    StatusCodes.Status428PreconditionRequired, $"Send {IfMatch} with the ETag that the entity was read with.")
                : given.Length > 2 && given[0] == '"' && given[^1] == '"' ? LoadToken.FromTag(given[1..^1]) : null;
        }
    }

    /// <summary>What names a request, so that it can be sent again.</summary>
    private static class RequestKeys
    {
        public const string Header = KeyedRequests.Header;

        private const int Longest = 255;

        /// <summary>Null: none is given. What two callers send is never the same: neither may come by what the other has made.</summary>
        /// <param name="request">The request.</param>
        /// <param name="what">What else makes it the same request.</param>
        public static string? Of(ApiRequest request, string what)
        {
            var given = request.Http.Request.Headers[Header];
            return given.Count == 0 ? null
                : given is [{ Length: > 0 and <= Longest } text] && text.All(c => c is > ' ' and <= '~')
                    ? $"http:{Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{request.Actor}\n{what}\n{text}")))}"
                    : throw Refusal.Bad($"{Header} is 1 to {Longest} letters, digits and signs without blanks.");
        }
    }
}
