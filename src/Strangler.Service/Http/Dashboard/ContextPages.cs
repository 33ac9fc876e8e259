using System.Xml.Linq;
using Microsoft.AspNetCore.Http;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Admin;
using Strangler.Service.Reconciling;
using static Strangler.Service.Http.Dashboard.Html;

namespace Strangler.Service.Http.Dashboard;

/// <summary>One context: where it stands, what waits for somebody, and the steps that can be made.</summary>
internal sealed class ContextPages(PageHandler pages)
{
    private const int ShownRuns = 12;
    private const int ShownKeys = 20;
    private const int ShownActs = 12;

    public void Map()
    {
        pages.Get("/ui/contexts/{context}", ContextAsync);
        pages.Get("/ui/contexts/{context}/stage", StepAsync);
        pages.Post("/ui/contexts/{context}/stage", MoveAsync);
        pages.Post("/ui/contexts/{context}/stage/approval", ApproveAsync);
        pages.Post("/ui/contexts/{context}/stage/withdrawal", WithdrawAsync);
        pages.Post("/ui/contexts/{context}/reconciliations", StartAsync);
        pages.Post("/ui/contexts/{context}/reconciliations/{job}/cancellation", CancelAsync);
        pages.Get("/ui/contexts/{context}/timeline", TimelineAsync);
    }

    private async Task<PageContent> ContextAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var stage = await StageDesk.ReadAsync(host, cancellationToken).ConfigureAwait(false);
        var isDual = Stages.IsDual(stage.View.Stage);
        var runs = isDual ? await host.Sides.Reconciliations.SummariesAsync(100, cancellationToken).ConfigureAwait(false) : [];
        var jobs = isDual ? await request.Parts.Jobs.ListAsync(host, 3, cancellationToken).ConfigureAwait(false) : [];
        return new PageContent(
            host.Name,
            Pieces.Crumbs(host.Name),
            E("div", Class("head"), E("h1", host.Name), stage.View.Switching ? Pieces.Badge("switching", "open") : null),
            E("div", Class("card"), Pieces.Track(stage.View.Stage), Facts(stage.View), Steps(request, stage)),
            Asked(request, stage),
            Running(request, jobs),
            E(
                "div", Class("cols"),
                E("div", Reports(request, runs, isDual), TimelineForm(host)),
                E("div", await WaitingAsync(host, isDual, cancellationToken).ConfigureAwait(false), await ActsAsync(host, cancellationToken).ConfigureAwait(false))),
            Charts.Of(request.Parts.Meter.History.Of(host.Name)),
            stage.Next is { } next ? E("section", Class("card"), E("h2", $"Gates to {next.Stage}"), Pieces.Gates(next.Gates)) : null)
        {
            Refresh = jobs.Any(job => job.State == JobState.Running) ? 2 : null,
        };
    }

    private static XElement Facts(StageView view) => E(
        "dl", Class("facts"),
        Pieces.Fact("leads", Pieces.Side(view.Lead)), Pieces.Fact("epoch", N(view.Epoch)),
        Pieces.Fact("legacy", view.Legacy is { } legacy ? legacy.Role.ToString() : "does not answer", view.Legacy is null ? "bad" : null),
        Pieces.Fact("new", view.New is { } @new ? @new.Role.ToString() : "does not answer", view.New is null ? "bad" : null));

    private static XElement? Steps(ApiRequest request, StageStatus stage) => !request.Caller.May(Role.Engineer) || stage.View.Switching || stage.Asked is not null ? null : E(
        "div", Class("actions"),
        stage.Next is { } next ? E("a", Class("button"), A("href", PathOf(request.Host, next.Stage)), $"Step to {next.Stage} …") : null,
        stage.Back is { } back ? E("a", Class("button quiet"), A("href", PathOf(request.Host, back.Stage)), $"Back to {back.Stage} …") : null);

    private XElement? Asked(ApiRequest request, StageStatus stage) => stage.Asked is not { } asked ? null : E(
        "section", Class("card"), A("aria-labelledby", "asked"),
        E("div", Class("head"), E("h2", A("id", "asked"), $"{asked.From} → {asked.To} waits for a second person"), Pieces.Badge("waits", "open")),
        E("p", Text($"{asked.AskedBy} asked for it at {asked.AskedUtc:yyyy-MM-dd HH:mm} UTC: {asked.Reason}")),
        E("p", Class("hint"), Text($"Void from {asked.UntilUtc:yyyy-MM-dd HH:mm} UTC on, and as soon as the context moves. Gates are looked at again.")),
        asked.Force ? E("p", Class("note bad"), $"Closed gates are to be overridden: {asked.Closed.Replace("\n", ", ", StringComparison.Ordinal)}.") : null,
        asked.To == Stage.NewOnly ? E("p", Class("note bad"), "From NewOnly no way leads back.") : null,
        !request.Caller.May(Role.Engineer) ? null : new object?[]
        {
            asked.AskedBy == request.Actor ? E("p", Class("soft"), "You asked for it: somebody else approves.") : E(
                "form", Class("stack"), A("method", "post"), A("action", $"/ui/contexts/{request.Host.Name}/stage/approval"), pages.Token(request.Http), Hidden("request", asked.Id),
                Hidden("seen", stage.Tag), ReasonField(), ConfirmField(request.Host), E("div", Class("actions"), E("button", Class("danger"), $"Approve: go to {asked.To}"))),
            E(
                "form", Class("row actions"), A("method", "post"), A("action", $"/ui/contexts/{request.Host.Name}/stage/withdrawal"), pages.Token(request.Http), Hidden("request", asked.Id),
                E("label", Class("grow"), "Reason to withdraw it", E("input", A("name", "reason"), A("required", true), A("maxlength", 1000), A("autocomplete", "off"))),
                E("button", Class("quiet"), "Withdraw")),
        });

    private static XElement Hidden(string name, object value) => E("input", A("type", "hidden"), A("name", name), A("value", value));

    private static XElement ReasonField() =>
        E("label", "Reason, for the audit trail", E("input", A("name", "reason"), A("required", true), A("maxlength", 1000), A("autocomplete", "off")));

    private static XElement ConfirmField(ContextHost host) =>
        E("label", $"Type {host.Name} to confirm", E("input", A("name", "confirm"), A("required", true), A("autocomplete", "off"), A("spellcheck", "false")));

    private static string PathOf(ContextHost host, Stage stage) => $"/ui/contexts/{host.Name}/stage?to={stage}";

    private IEnumerable<XElement> Running(ApiRequest request, IReadOnlyList<JobView> jobs) => jobs.Where((job, at) => job.State == JobState.Running || (at == 0 && job.State == JobState.Failed)).Select(job => E(
        "section", Class(job.State == JobState.Failed ? "note bad" : "card"), A("role", "status"),
        E("div", Class("head"), E("h2", $"Reconciliation: {job.Scope}"), Pieces.Badge(job.State == JobState.Running ? "running" : "failed", job.State == JobState.Running ? "open" : "bad")),
        job.Error is { } error ? E("p", error) : null,
        job is not { State: JobState.Running } ? null : E(
            "div", E("label", Progress(job), E("progress", A("max", job.Total is > 0 ? job.Total : 1), A("value", job.Done ?? 0))),
            !request.Caller.May(Role.Operator) ? null : E(
                "form", Class("actions"), A("method", "post"), A("action", $"/ui/contexts/{job.Context}/reconciliations/{job.Id}/cancellation"), pages.Token(request.Http),
                E("button", Class("quiet"), "Cancel")))));

    private static string Progress(JobView job) => job.Done is not { } done ? "begun"
        : Text($"{job.Kind}: {done:N0} of about {job.Total:N0}, {job.PerSecond:N0} a second{(job.SecondsLeft is { } left ? $", {Span(TimeSpan.FromSeconds(left))} left" : "")}")
            + (job.Waiting is { } why ? $"; waits: {why}" : "");

    private XElement Reports(ApiRequest request, IReadOnlyList<RunSummary> runs, bool isDual) => E(
        "section", Class("card"),
        E("h2", "Reconciliations"),
        Pieces.Trend(runs),
        runs.Count == 0
            ? E("p", Class("soft"), isDual ? "None has run yet." : "Compared are the sides from DualWrite on.")
            : Pieces.Runs(request.Host.Name, runs.Take(ShownRuns)),
        !isDual || !request.Caller.May(Role.Operator) ? null : E(
            "form", Class("row actions"), A("method", "post"), A("action", $"/ui/contexts/{request.Host.Name}/reconciliations"), pages.Token(request.Http),
            E("label", "What", E("select", A("name", "what"), E("option", A("value", "full"), "everything, in full"), E("option", A("value", "incremental"), "what versions and hashes tell apart"))),
            E("button", "Reconcile now")));

    private static XElement TimelineForm(ContextHost host) => E(
        "section", Class("card"),
        E("h2", "What happened to one entity"),
        E(
            "form", Class("row"), A("method", "get"), A("action", $"/ui/contexts/{host.Name}/timeline"),
            E("label", "Kind", E("select", A("name", "kind"), host.Runtime.Kinds.Keys.Order(StringComparer.Ordinal).Select(kind => E("option", A("value", kind), kind)))),
            E("label", Class("grow"), "Public id", E("input", A("name", "id"), A("inputmode", "numeric"), A("pattern", "[0-9]+"), A("required", true))),
            E("button", Class("quiet"), "Show")));

    private static async Task<XElement> WaitingAsync(ContextHost host, bool isDual, CancellationToken cancellationToken)
    {
        if (!isDual)
        {
            return E("section", Class("card"), E("h2", "Journal"), E("p", Class("soft"), "There is no follower to bring along."));
        }

        var journal = await JournalStatus.ReadAsync(host, ShownKeys, check: false, cancellationToken).ConfigureAwait(false);
        var conflicts = await host.Sides.Merges.ListAsync(ShownKeys, cancellationToken).ConfigureAwait(false);
        return E(
            "section", Class("card"),
            E("h2", "Journal"),
            E(
                "dl", Class("facts"),
                Pieces.Fact("open", Journal.JournalDepth.Show(journal.Depth.Open)), Pieces.Fact("oldest", journal.Depth.Open == 0 ? "none" : Span(journal.Depth.Lag)),
                Pieces.Fact("parked", Journal.JournalDepth.Show(journal.Depth.Parked), journal.Depth.Parked > 0 ? "bad" : null),
                Pieces.Fact("lost", N(journal.Lost.Count), journal.Lost.Count > 0 ? "bad" : null),
                Pieces.Fact("conflicts", N(journal.Conflicts), journal.Conflicts > 0 ? "bad" : null)),
            journal.Parked.Count == 0 ? null : new object[]
            {
                E("h3", "Parked keys"),
                Table(["key", "#attempts", "last error"], journal.Parked.Select(key => (IEnumerable<object?>)[KeyLink(host, key.Key), N(key.Attempts), key.LastError])),
            },
            conflicts.Count == 0 ? null : new object[]
            {
                E("h3", "In conflict"),
                Table(["key", "fields", "written to legacy by"], conflicts.Select(conflict => (IEnumerable<object?>)
                    [KeyLink(host, conflict.Key), string.Join(", ", conflict.Fields.Select(field => field.Field)), conflict.Writer])),
            });
    }

    internal static XElement KeyLink(ContextHost host, EntityKey key) => Link(Text($"/ui/contexts/{host.Name}/timeline?kind={key.Kind}&id={key.Id}"), Text($"{key.Kind} {key.Id}"));

    private static async Task<XElement> ActsAsync(ContextHost host, CancellationToken cancellationToken)
    {
        var acts = await host.Cutover.HistoryAsync(ShownActs, cancellationToken).ConfigureAwait(false);
        return E(
            "section", Class("card"),
            E("h2", "Who did what"),
            acts.Count == 0 ? E("p", Class("soft"), "Nobody anything yet.") : Table(["when (UTC)", "who", "what"], acts.Select(act => (IEnumerable<object?>)
            [
                Text($"{act.AtUtc:MM-dd HH:mm}"), act.Actor,
                new object?[]
                {
                    act.To.Length > 0 && act.To != act.From ? $"{act.Action}: {act.From} → {act.To}" : $"{act.Action} {act.Detail}",
                    act.Reason.Length == 0 ? null : E("div", Class("soft"), act.Reason),
                },
            ]), "acts"));
    }

    private async Task<PageContent> StepAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var target = StageOf(request.Query("to"));
        var view = await host.Cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        var step = await StageDesk.StepAsync(host, target, cancellationToken).ConfigureAwait(false);
        return new PageContent(
            $"{host.Name}: {view.Stage} → {target}",
            Pieces.Crumbs(host.Name, $"step to {target}"),
            E("h1", $"{host.Name}: {view.Stage} → {target}"),
            E(
                "p", Class(step.Open ? "note good" : "note bad"),
                step.Open ? "Every gate is open. Nothing has been changed yet: this is the dry run." : "Some gates are closed: the step would be refused. Nothing has been changed."),
            target == Stage.NewOnly ? E("p", Class("note bad"), "From NewOnly no way leads back.") : null,
            E("section", Class("card"), E("h2", "Gates"), Pieces.Gates(step.Gates)),
            !step.Open ? null : E(
                "section", Class("card"), E("h2", "Make the step"),
                E(
                    "form", Class("stack"), A("method", "post"), A("action", $"/ui/contexts/{host.Name}/stage"), pages.Token(request.Http),
                    Hidden("to", target), Hidden("seen", StageStatus.TagOf(view)), ReasonField(), ConfirmField(host),
                    host.Runtime.Options.SecondApprover ? E("p", Class("hint"), "It waits then for a second person who approves it here.") : null,
                    E("div", Class("actions"), E("button", Class("danger"), host.Runtime.Options.SecondApprover ? $"Ask for {target}" : $"Go to {target}"), E("a", Class("button quiet"), A("href", $"/ui/contexts/{host.Name}"), "Leave it")))));
    }

    private static async Task<PageContent?> MoveAsync(ApiRequest request, IFormCollection form, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var target = StageOf(form["to"]);
        var (view, step) = await ConfirmedAsync(request, form, cancellationToken).ConfigureAwait(false);
        await StageDesk.MoveOrAskAsync(host, view, step with { Target = target }, CancellationToken.None).ConfigureAwait(false);
        return PageHandler.SeeOther(request.Http, $"/ui/contexts/{host.Name}");
    }

    private static async Task<PageContent?> ApproveAsync(ApiRequest request, IFormCollection form, CancellationToken cancellationToken)
    {
        var (view, step) = await ConfirmedAsync(request, form, cancellationToken).ConfigureAwait(false);
        await StageDesk.ApproveAsync(request.Host, view, form["request"].ToString(), step, CancellationToken.None).ConfigureAwait(false);
        return PageHandler.SeeOther(request.Http, $"/ui/contexts/{request.Host.Name}");
    }

    private static async Task<PageContent?> WithdrawAsync(ApiRequest request, IFormCollection form, CancellationToken cancellationToken)
    {
        await request.Host.Cutover.WithdrawAsync(form["request"].ToString(), request.Actor, ApiRequest.Reason(form["reason"]), cancellationToken).ConfigureAwait(false);
        return PageHandler.SeeOther(request.Http, $"/ui/contexts/{request.Host.Name}");
    }

    // Who has typed the name, given a reason, and looked at what is there now.
    private static async Task<(StageView View, CutoverRequest Step)> ConfirmedAsync(ApiRequest request, IFormCollection form, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var reason = ApiRequest.Reason(form["reason"]);
        if (form["confirm"].ToString().Trim() != host.Name)
        {
            throw new ApiException(StatusCodes.Status409Conflict, $"The name that was typed is not {host.Name}. Nothing was changed.");
        }

        var view = await host.Cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        return form["seen"] == StageStatus.TagOf(view)
            ? (view, new CutoverRequest { Actor = request.Actor, Reason = reason, Epoch = view.Epoch, TypedConfirmation = host.Name })
            : throw new ApiException(StatusCodes.Status409Conflict, "The context has moved since you looked at it. Nothing was changed; look again.");
    }

    private static Stage StageOf(string? text) => Enum.TryParse<Stage>(text, out var stage) && Enum.IsDefined(stage) && stage.ToString() == text
        ? stage : throw new ApiException(StatusCodes.Status400BadRequest, $"A stage is one of: {string.Join(", ", Enum.GetNames<Stage>())}.");

    private static async Task<PageContent?> StartAsync(ApiRequest request, IFormCollection form, CancellationToken cancellationToken)
    {
        var asked = new ReconciliationRequest { Incremental = form["what"] == "incremental" };
        await request.Parts.Jobs.StartAsync(request.Host, asked, request.Actor, cancellationToken).ConfigureAwait(false);
        return PageHandler.SeeOther(request.Http, $"/ui/contexts/{request.Host.Name}");
    }

    private static async Task<PageContent?> CancelAsync(ApiRequest request, IFormCollection form, CancellationToken cancellationToken)
    {
        await request.Parts.Jobs.CancelAsync(request.Host, request.Route("job"), request.Actor, cancellationToken).ConfigureAwait(false);
        return PageHandler.SeeOther(request.Http, $"/ui/contexts/{request.Host.Name}");
    }

    private static async Task<PageContent> TimelineAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var kind = request.Query("kind") is { } name && host.Runtime.Kinds.ContainsKey(name) ? name
            : throw new ApiException(StatusCodes.Status404NotFound, $"There is no such kind; {host.Name} has: {string.Join(", ", host.Runtime.Kinds.Keys)}.");
        var id = long.TryParse(request.Query("id"), out var number) && number > 0 ? number
            : throw new ApiException(StatusCodes.Status400BadRequest, "An id is a whole number of 1 or more.");
        var timeline = await KeyRoutes.TimelineAsync(host, new EntityKey(kind, id), cancellationToken).ConfigureAwait(false);
        return new PageContent(
            Text($"{kind} {id}"),
            Pieces.Crumbs(host.Name, Text($"{kind} {id}")),
            E("h1", Text($"{kind} {id}")),
            E("div", Class("card"), E(
                "dl", Class("facts"), Pieces.Fact("legacy", timeline.Legacy), Pieces.Fact("new", timeline.New ?? "not asked"),
                Pieces.Fact("new id", timeline.NewId is { } newId ? Text($"{newId}") : "none"))),
            E("section", Class("card"), E("h2", "What happened"), timeline.Traces.Count == 0
                ? E("p", Class("soft"), "Nothing is known of this id.")
                : Table(["when (UTC)", "side", "event", "version", "by", "what"], timeline.Traces.Select(trace => (IEnumerable<object?>)
                    [trace.AtUtc is null ? "not stored" : Pieces.Time(trace.AtUtc), trace.Side is { } side ? Pieces.Side(side) : "both", trace.Kind.ToString(), trace.Version?.ToString() ?? "", trace.By, trace.What]))),
            E("p", Class("hint"), "Never values: names of fields, versions, who and when."));
    }
}
