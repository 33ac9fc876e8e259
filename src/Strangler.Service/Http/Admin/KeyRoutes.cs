using System.Globalization;
using Microsoft.AspNetCore.Http;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Merging;
using Strangler.Neighbours;
using Strangler.Service.Configuration;
using Strangler.Timeline;

namespace Strangler.Service.Http.Admin;

/// <summary>What waits for somebody, and what is known of single keys.</summary>
internal static class KeyRoutes
{
    public static void Map(ApiHandler api)
    {
        api.Map(HttpMethods.Get, "/contexts/{context}/journal", async (request, token) =>
            (await JournalStatus.ReadAsync(request.Host, request.Between("limit", 20, 1, 200), check: false, token).ConfigureAwait(false)).ToJson(request.Host.Name));
        api.Map(HttpMethods.Get, "/contexts/{context}/parked", ParkedAsync);
        api.Map(HttpMethods.Post, "/contexts/{context}/parked/retries", RetryAsync);
        api.Map(HttpMethods.Post, "/contexts/{context}/parked/{kind}/{id}/drops", DropAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/conflicts", async (request, token) =>
            await request.PageAsync(limit => request.Host.Sides.Merges.ListAsync(limit, token), Shapes.Conflict).ConfigureAwait(false));
        api.Map(HttpMethods.Get, "/contexts/{context}/conflicts/{kind}/{id}", ConflictAsync);
        api.Map(HttpMethods.Put, "/contexts/{context}/conflicts/{kind}/{id}/decision", DecideAsync);
        api.Map(HttpMethods.Post, "/contexts/{context}/conflicts/{kind}/{id}/revelations", RevealAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/quarantine/{kind}", async (request, token) =>
            await request.PageAsync(limit => request.Host.Sides.Quarantine.ListAsync(request.Kind, limit, token), entry => entry).ConfigureAwait(false));
        api.Map(HttpMethods.Put, "/contexts/{context}/quarantine/{kind}/{id}/sign-off", SignOffAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/census", CensusAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/ids/{kind}/{id}", NewIdAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/new-ids/{kind}/{id}", PublicIdAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/timeline/{kind}/{id}", async (request, token) =>
            Shapes.Timeline(request.Host.Name, await TimelineAsync(request.Host, request.Key, token).ConfigureAwait(false)));
    }

    /// <summary>All that is known of one entity.</summary>
    public static Task<EntityTimeline> TimelineAsync(ContextHost host, EntityKey key, CancellationToken cancellationToken) =>
        new TimelineReader(host.Runtime, name => host.Mappings[name].ErasedBy).ReadAsync(key, cancellationToken);

    private static async Task<object?> ParkedAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var view = await request.Host.Cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        return await request.PageAsync(limit => request.Host.Sides.Of(view.Lead).Journal.ParkedAsync(limit, cancellationToken), key => key).ConfigureAwait(false);
    }

    private static async Task<object?> RetryAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var body = await request.BodyAsync<RetryBody>(cancellationToken).ConfigureAwait(false);
        var reason = ApiRequest.Reason(body.Reason);
        if (body is { Id: null, Kind: not null } or { Id: <= 0 })
        {
            throw new ApiException(StatusCodes.Status422UnprocessableEntity, "Give an id of 1 or more with the kind, or neither: then all keys are put back.");
        }

        EntityKey? key = body.Id is { } id ? new EntityKey(request.Host.KindOf(body.Kind), id) : null;
        return new { context = request.Host.Name, put_back = await ParkedDesk.RetryAsync(request.Host, key, request.Actor, reason, cancellationToken).ConfigureAwait(false) };
    }

    private static async Task<object?> DropAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var body = await request.BodyAsync<ApplyBody>(cancellationToken).ConfigureAwait(false);
        var reason = body.Apply ? ApiRequest.Reason(body.Reason) : "";
        var parked = await new ParkedKeys(request.Host.Runtime).DropAsync(request.Key, request.Actor, reason, !body.Apply, cancellationToken).ConfigureAwait(false);
        return new { context = request.Host.Name, key = request.Key, dry_run = !body.Apply, parked.Version, parked.Attempts, parked.LastError, parked.CreatedUtc };
    }

    private static async Task<object?> ConflictAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var service = new ConflictService(request.Host.Runtime);
        var conflict = await service.FindAsync(request.Key, cancellationToken).ConfigureAwait(false);
        return new { context = request.Host.Name, conflict = Shapes.Conflict(conflict), fields = service.Show(conflict) };
    }

    private static async Task<object?> DecideAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var body = await request.BodyAsync<DecisionBody>(cancellationToken).ConfigureAwait(false);
        var reason = body.Apply ? ApiRequest.Reason(body.Reason) : "";
        if (body.Take is null && body.Fields.Count == 0)
        {
            throw new ApiException(StatusCodes.Status422UnprocessableEntity, "Give \"take\": legacy or new, or \"fields\" with a side for each field.");
        }

        var decision = new MergeDecision(
            body.Take is null ? null : SideOf(body.Take), body.Fields.ToDictionary(field => field.Key, field => SideOf(field.Value), StringComparer.Ordinal));
        var resolution = await new ConflictService(request.Host.Runtime).ResolveAsync(request.Key, decision, request.Actor, reason, body.Apply, cancellationToken)
            .ConfigureAwait(false);
        return new { context = request.Host.Name, key = resolution.Conflict.Key, dry_run = !body.Apply, resolution.Decided };
    }

    private static SideName SideOf(string text) => text switch
    {
        "legacy" => SideName.Legacy,
        "new" => SideName.New,
        _ => throw new ApiException(StatusCodes.Status422UnprocessableEntity, "A side is legacy or new."),
    };

    private static async Task<object?> RevealAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var body = await request.BodyAsync<ReasonBody>(cancellationToken).ConfigureAwait(false);
        var reason = ApiRequest.Reason(body.Reason);
        await request.RequireRevealAsync(cancellationToken).ConfigureAwait(false);
        var service = new ConflictService(request.Host.Runtime);
        var conflict = await service.FindAsync(request.Key, cancellationToken).ConfigureAwait(false);
        return new
        {
            context = request.Host.Name, conflict = Shapes.Conflict(conflict),
            fields = await service.RevealAsync(conflict, request.Actor, reason, cancellationToken).ConfigureAwait(false),
        };
    }

    private static async Task<object?> SignOffAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var body = await request.BodyAsync<ReasonBody>(cancellationToken).ConfigureAwait(false);
        var key = request.Key;
        var signed = await QuarantineDesk.SignOffAsync(request.Host, key.Kind, key.Id, request.Actor, ApiRequest.Reason(body.Reason), cancellationToken).ConfigureAwait(false);
        return signed > 0 ? new { context = request.Host.Name, signed_off = signed }
            : throw new ApiException(StatusCodes.Status404NotFound, $"Id {key.Id} is not in quarantine, or is signed off already.");
    }

    private static async Task<object?> CensusAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var since = request.Query("since");
        var ago = TimeSpan.Zero;
        if (since is not null && !Duration.TryParse(since, out ago))
        {
            throw new ApiException(StatusCodes.Status400BadRequest, "since is a duration such as 24h or 7d.");
        }

        return (await CensusView.ReadAsync(request.Host, now => since is null ? null : now - ago, cancellationToken).ConfigureAwait(false)).ToJson(request.Host.Name);
    }

    private static async Task<object?> NewIdAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var (host, key) = (request.Host, request.Key);
        var newId = await host.Sides.IdMap.FindNewIdAsync(key.Kind, key.Id, cancellationToken).ConfigureAwait(false)
            ?? throw new ApiException(StatusCodes.Status404NotFound, string.Create(CultureInfo.InvariantCulture, $"{key.Kind}: no pair with public id {key.Id}"));
        var leads = request.Flag("references") ? await new ReferenceResolver(host.Runtime).ResolveAsync(key, cancellationToken).ConfigureAwait(false) : null;
        return new { context = host.Name, kind = key.Kind, public_id = key.Id, new_id = newId, references = leads };
    }

    private static async Task<object?> PublicIdAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var (host, key) = (request.Host, request.Key);
        var publicId = await host.Sides.IdMap.FindPublicIdAsync(key.Kind, key.Id, cancellationToken).ConfigureAwait(false)
            ?? throw new ApiException(StatusCodes.Status404NotFound, string.Create(CultureInfo.InvariantCulture, $"{key.Kind}: no pair with new id {key.Id}"));
        return new { context = host.Name, kind = key.Kind, public_id = publicId, new_id = key.Id };
    }
}
