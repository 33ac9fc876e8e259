using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dapper;
using Strangler.DualWrite;
using Strangler.Service.Http.Access;

namespace Strangler.IntegrationTests.Http;

/// <summary>The API for operators and the dashboard's pages on real databases, with two services; one world for all of it, each test leaves the sides alike.</summary>
[TestFixture]
public sealed partial class AdminApiTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private AdminWorld _world = null!;

    [OneTimeSetUp]
    public async Task CreateAsync() => _world = await AdminWorld.CreateAsync();

    [OneTimeTearDown]
    public async Task DisposeAsync() => await _world.DisposeAsync();

    [Test]
    public async Task What_there_is_to_know_is_told()
    {
        var id = await AnIdAsync();
        foreach (var path in new[]
        {
            "/contexts", "/contexts/donations", "/contexts/donations/stage", "/contexts/donations/reports", "/contexts/donations/reconciliations", "/contexts/donations/journal",
            "/contexts/donations/parked", "/contexts/donations/conflicts", "/contexts/donations/quarantine/donation", "/contexts/donations/census?since=24h",
            $"/contexts/donations/ids/donation/{id}?references=true", $"/contexts/donations/timeline/donation/{id}", "/contexts/donations/audit?limit=2", "/openapi.json",
        })
        {
            var reply = await _world.GetAsync(path);
            Assert.That((reply.Status, reply.Type), Is.EqualTo((HttpStatusCode.OK, "application/json")), $"{path} {reply}");
        }

        var newId = (await _world.GetAsync($"/contexts/donations/ids/donation/{id}")).Json.GetProperty("new_id").GetInt64();
        Assert.That((await _world.GetAsync($"/contexts/donations/new-ids/donation/{newId}")).Json.GetProperty("public_id").GetInt64(), Is.EqualTo(id));
        var first = (await _world.GetAsync("/contexts/donations/audit?limit=1")).Json;
        Assert.That(first.GetProperty("items").GetArrayLength(), Is.EqualTo(1));
        var second = (await _world.GetAsync(first.GetProperty("next").GetString()!)).Json;
        Assert.That(second.GetProperty("items")[0].GetRawText(), Is.Not.EqualTo(first.GetProperty("items")[0].GetRawText()));
        foreach (var path in new[] { "/contexts/nothing/stage", "/contexts/donations/ids/nothing/1", "/contexts/donations/ids/donation/999999999", "/contexts/donations/reports/999999" })
        {
            Assert.That((await _world.GetAsync(path)).Status, Is.EqualTo(HttpStatusCode.NotFound), path);
        }
    }

    [Test]
    [Category("Case68")]
    public async Task Readiness_names_stores_and_fence_to_whom_it_knows_and_metrics_tell_of_the_context()
    {
        var nobody = await _world.SendAsync("GET", "/readyz", null, null);
        Assert.That((nobody.Status, nobody.Body), Is.EqualTo((HttpStatusCode.OK, """{"status":"ready","contexts":[{"context":"donations","ready":true,"checks":null}]}""")));
        var checks = (await _world.GetAsync("/readyz")).Json.GetProperty("contexts")[0].GetProperty("checks").EnumerateArray().Select(check => check.GetProperty("check").GetString());
        Assert.That(checks, Is.EqualTo(new[] { "legacy store", "fence", "new store", "migrations" }));
        await ReconcileAsync();
        await _world.LookAsync();
        Assert.That((await _world.GetAsync("/metrics")).Body, Does.Match("strangler_stage\\{context=\"donations\"\\} [123]").And.Contain("strangler_reconciliation_outcome{context=\"donations\",kind=\"donation\"} 0"));
    }

    [Test]
    [Category("Case22")]
    public async Task A_step_is_made_once_whoever_asks_how_often()
    {
        var stage = await _world.GetAsync("/contexts/donations/stage");
        var next = stage.Json.GetProperty("stage").GetString() == "DualWrite" ? "ShadowRead" : "DualWrite";
        Assert.That((await PutAsync(null, new { stage = next, reason = "x" })).Status, Is.EqualTo(HttpStatusCode.PreconditionRequired));
        Assert.That((await PutAsync("\"1-LegacyOnly\"", new { stage = next, reason = "x" })).Status, Is.EqualTo(HttpStatusCode.PreconditionFailed));
        Assert.That((await PutAsync("*", new { stage = next, reason = "x" })).Status, Is.EqualTo(HttpStatusCode.PreconditionFailed));
        Assert.That((await PutAsync(stage.Tag, new { stage = next, reason = " " })).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await PutAsync(stage.Tag, new { stage = "NewOnly", reason = "x" })).Status, Is.EqualTo(HttpStatusCode.Conflict), "one step at a time");
        Assert.That((await PutAsync(stage.Tag, new { stage = 7, reason = "x" })).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await _world.GetAsync("/contexts/donations/stage")).Tag, Is.EqualTo(stage.Tag), "nothing of that changed anything");

        await ReconcileAsync();
        var dry = await PutAsync(stage.Tag, new { stage = next, dry_run = true });
        Assert.That((dry.Status, dry.Json.GetProperty("dry_run").GetBoolean()), Is.EqualTo((HttpStatusCode.OK, true)), dry.ToString());
        var both = await Task.WhenAll(
            PutAsync(stage.Tag, new { stage = next, reason = "both at once" }), PutAsync(stage.Tag, new { stage = next, reason = "both at once" }, service: 1));
        Assert.That(both.Count(reply => reply.Status == HttpStatusCode.OK), Is.EqualTo(1), string.Join('\n', both.Select(reply => reply.ToString())));
        Assert.That(both.Single(reply => reply.Status != HttpStatusCode.OK).Status, Is.AnyOf(HttpStatusCode.Conflict, HttpStatusCode.PreconditionFailed));
        Assert.That((await PutAsync(stage.Tag, new { stage = next, reason = "sent again" })).Status, Is.EqualTo(HttpStatusCode.PreconditionFailed));
        var acts = (await _world.GetAsync("/contexts/donations/audit")).Json.GetProperty("items").EnumerateArray().Where(act => act.GetProperty("reason").GetString() == "both at once").ToList();
        Assert.That(acts.Select(act => (act.GetProperty("actor").GetString(), act.GetProperty("to").GetString())), Is.EqualTo(new[] { ("key:engineer", next) }));

        var now = await _world.GetAsync("/contexts/donations/stage", service: 1);
        Assert.That(now.Json.GetProperty("stage").GetString(), Is.EqualTo(next), "the other service sees it");
    }

    [Test]
    public async Task A_refused_step_says_which_gates_are_closed_and_too_small_a_role_is_in_the_trail()
    {
        await ToAsync(Stage.DualWrite);
        await PlantAsync();
        await ReconcileAsync();
        var stage = await _world.GetAsync("/contexts/donations/stage");
        var refused = await PutAsync(stage.Tag, new { stage = "ShadowRead", reason = "too early" });
        Assert.That((refused.Status, refused.Type), Is.EqualTo((HttpStatusCode.Conflict, "application/problem+json")), refused.ToString());
        var gate = refused.Json.GetProperty("gates").EnumerateArray().Single();
        Assert.That((gate.GetProperty("name").GetString(), gate.GetProperty("value").GetString()), Is.EqualTo(("full reconciliation of donation", "drift")));
        Assert.That((await PutAsync(stage.Tag, new { stage = "ShadowRead", reason = "x" }, who: "operator")).Status, Is.EqualTo(HttpStatusCode.Forbidden));
        Assert.That((await _world.GetAsync("/contexts/donations/audit")).Body, Does.Contain("key:operator").And.Contain("PUT /contexts/{context}/stage: is Operator, needs Engineer"));
        await MendAsync();
    }

    [Test]
    public async Task A_reconciliation_is_started_once_watched_to_its_end_and_read()
    {
        var key = ("Idempotency-Key", Guid.NewGuid().ToString());
        var started = await _world.SendAsync("POST", "/contexts/donations/reconciliations", "operator", new { }, 0, key);
        Assert.That(started.Status, Is.EqualTo(HttpStatusCode.Accepted), started.ToString());
        var again = await _world.SendAsync("POST", "/contexts/donations/reconciliations", "operator", new { }, 1, key);
        Assert.That((again.Status, again.Body, again.Location), Is.EqualTo((started.Status, started.Body, started.Location)), "the other service knows of it");
        var other = await _world.SendAsync("POST", "/contexts/donations/reconciliations", "operator", new { incremental = true }, 1, key);
        Assert.That(other.Status, Is.EqualTo(HttpStatusCode.UnprocessableEntity));

        var events = (await _world.GetAsync($"{started.Location}/events")).Body;
        Assert.That(events, Does.Contain("event: end\ndata: {"));
        var end = JsonDocument.Parse(events[(events.LastIndexOf("data: ", StringComparison.Ordinal) + 6)..]).RootElement;
        Assert.That((end.GetProperty("state").GetString(), end.GetProperty("outcome").GetString()), Is.EqualTo(("Ended", "clean")));
        var run = end.GetProperty("runs")[0].GetInt64();
        await UntilAsync(async () => (await _world.GetAsync(started.Location!.ToString(), service: 1)).Json.GetProperty("state").GetString() == "Ended");

        Assert.That((await _world.GetAsync($"/contexts/donations/reports/{run}")).Json.GetProperty("outcome").GetString(), Is.EqualTo("clean"));
        Assert.That((await _world.GetAsync($"/contexts/donations/reports/{run}?format=html")).Type, Is.EqualTo("text/html"));
        Assert.That((await _world.GetAsync($"/contexts/donations/reports/{run}?format=csv")).Type, Is.EqualTo("text/csv"));
        Assert.That((await _world.GetAsync($"/contexts/donations/reports/{run}/diff/{run}")).Json.GetProperty("after").GetInt64(), Is.EqualTo(run));
        Assert.That((await _world.GetAsync("/contexts/donations/audit")).Body, Does.Contain($"ended clean, runs {run}"));

        // Whatever else was done since: a busy day.
        await FillTrailAsync();
        var list = (await _world.GetAsync("/contexts/donations/reconciliations?limit=200", service: 1)).Json.GetProperty("items").EnumerateArray();
        var listed = list.Single(job => started.Location!.ToString().EndsWith(job.GetProperty("id").GetString()!, StringComparison.Ordinal));
        Assert.That((listed.GetProperty("state").GetString(), listed.GetProperty("outcome").GetString()), Is.EqualTo(("Ended", "clean")));
        Assert.That((await _world.GetAsync(started.Location!.ToString(), service: 1)).Json.GetProperty("state").GetString(), Is.EqualTo("Ended"));
    }

    [Test]
    public async Task A_request_with_a_key_has_the_deadline_of_its_route_and_can_be_sent_again()
    {
        var service = await _world.StartAsync(timeout: "1s");
        var (key, reason) = (("Idempotency-Key", Guid.NewGuid().ToString()), $"in time {Guid.NewGuid():N}");
        await using (var connection = await LeadDatabaseAsync())
        {
            await connection.ExecuteAsync("LOCK TABLES strangler_audit WRITE");
            var late = await _world.SendAsync("POST", "/contexts/donations/parked/retries", "operator", new { reason }, service, key);
            Assert.That((late.Status, late.Detail), Is.EqualTo((HttpStatusCode.GatewayTimeout, "There was no answer within 1 s.")));
            await connection.ExecuteAsync("UNLOCK TABLES");
        }

        var done = await _world.SendAsync("POST", "/contexts/donations/parked/retries", "operator", new { reason }, service, key);
        Assert.That(done.Status, Is.EqualTo(HttpStatusCode.OK), $"what was not done in time has used up no key: {done}");
        Assert.That((await _world.SendAsync("POST", "/contexts/donations/parked/retries", "operator", new { reason }, 0, key)).Body, Is.EqualTo(done.Body));
        Assert.That((await _world.World.Host.Cutover.HistoryAsync(10_000, CancellationToken.None)).Count(entry => entry.Reason == reason), Is.EqualTo(1));
    }

    [Test]
    public async Task A_reconciliation_is_cancelled_half_way_through_another_service_and_resumed()
    {
        await PlantAsync();
        var slow = await _world.SendAsync("POST", "/contexts/donations/reconciliations", "operator", new { }, service: 1);
        Assert.That(slow.Status, Is.EqualTo(HttpStatusCode.Accepted), slow.ToString());
        var second = await _world.SendAsync("POST", "/contexts/donations/reconciliations", "operator", new { });
        Assert.That((second.Status, second.Type), Is.EqualTo((HttpStatusCode.Conflict, "application/problem+json")), second.ToString());
        Assert.That(second.Detail, Does.Contain("already running"));
        var cancelled = await _world.SendAsync("DELETE", slow.Location!.ToString(), "operator", null);
        Assert.That(cancelled.Status, Is.EqualTo(HttpStatusCode.Accepted), cancelled.ToString());
        await UntilAsync(async () => (await _world.GetAsync(slow.Location!.ToString(), service: 1)).Json.GetProperty("state").GetString() == "Cancelled");
        await UntilAsync(async () => (await _world.GetAsync(slow.Location!.ToString())).Json.GetProperty("state").GetString() == "Cancelled");

        var resumed = await _world.SendAsync("POST", "/contexts/donations/reconciliations", "operator", new { resume = true });
        Assert.That(resumed.Status, Is.EqualTo(HttpStatusCode.Accepted), resumed.ToString());
        await UntilAsync(async () => (await _world.GetAsync(resumed.Location!.ToString())).Json.GetProperty("state").GetString() == "Ended");
        Assert.That((await _world.GetAsync(resumed.Location!.ToString())).Json.GetProperty("outcome").GetString(), Is.EqualTo("drift"));
        await MendAsync();
    }

    [Test]
    public async Task A_repair_shows_first_what_it_would_do()
    {
        await PlantAsync();
        var run = await ReconcileAsync();
        var dry = await _world.SendAsync("POST", "/contexts/donations/repairs", "operator", new { report = run });
        Assert.That((dry.Json.GetProperty("dry_run").GetBoolean(), dry.Json.GetProperty("counts").GetProperty("WouldWrite").GetInt64()), Is.EqualTo((true, 2L)), dry.ToString());
        Assert.That((await _world.SendAsync("POST", "/contexts/donations/repairs", "operator", new { report = run, apply = true })).Status, Is.EqualTo(HttpStatusCode.BadRequest), "no reason");
        Assert.That((await _world.SendAsync("POST", "/contexts/donations/repairs", "operator", new { })).Status, Is.EqualTo(HttpStatusCode.UnprocessableEntity));
        Assert.That((await _world.SendAsync("POST", "/contexts/donations/reverse-repairs", "engineer", new { report = run, apply = true, reason = "x" })).Status, Is.EqualTo(HttpStatusCode.Conflict));
        await MendAsync();
        Assert.That((await _world.GetAsync("/contexts/donations/audit")).Body, Does.Contain("key:operator").And.Contain("planted by a test"));
    }

    [Test]
    [Category("Case60")]
    public async Task Clear_values_are_shown_to_whom_the_setting_names_and_audited()
    {
        await PlantAsync("UPDATE donation_donor SET city = 'Qxz<script>ville' LIMIT 1");
        var run = await ReconcileAsync();
        var path = $"/contexts/donations/reports/{run}/revelations";
        Assert.That((await _world.SendAsync("POST", path, "operator", new { reason = "curious" })).Status, Is.EqualTo(HttpStatusCode.Forbidden));
        Assert.That((await _world.SendAsync("POST", path, "engineer", new { reason = "curious" })).Status, Is.EqualTo(HttpStatusCode.Forbidden), "no role makes up for it");
        Assert.That((await _world.SendAsync("POST", path, "ben", new { })).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        var shown = await _world.SendAsync("POST", path, "ben", new { reason = "ticket 17" });
        Assert.That((shown.Status, shown.Json.GetProperty("entities").GetRawText().Contains("Qxz", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.OK, true)), shown.ToString());
        Assert.That((await _world.GetAsync($"/contexts/donations/reports/{run}")).Body, Does.Not.Contain("Qxz"), "a report holds none");
        var trail = (await _world.GetAsync("/contexts/donations/audit")).Json.GetProperty("items").EnumerateArray()
            .Select(act => (act.GetProperty("actor").GetString(), act.GetProperty("action").GetString())).ToList();
        Assert.That(trail, Has.Member(("key:ben", "reveal")).And.Member(("key:operator", "refused")).And.Member(("key:engineer", "refused")));
        var cookie = await _world.SignInAsync("ben");
        Assert.That((await PageAsync($"/ui/contexts/donations/reports/{run}", cookie)).Body, Does.Not.Contain("Qxz").And.Contain("donor.city"));
        await MendAsync();
    }

    [Test]
    [Category("Case65")]
    public async Task Nothing_that_is_put_into_a_parameter_does_anything()
    {
        var rows = await RowsAsync();
        string[] evil = ["1;DROP TABLE donation", "1' OR '1'='1", "-1", "0", "99999999999999999999", "1e3", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "<script>", "ä", "{{7*7}}", "%0d%0aSet-Cookie:x"];
        foreach (var need in RouteTable.All.Where(need => need is { IsFrontend: false } && need.Pattern.StartsWith("/contexts/", StringComparison.Ordinal)))
        {
            foreach (var name in Parameter().Matches(need.Pattern).Select(match => match.Groups[1].Value))
            {
                foreach (var text in evil.Where(text => name is not "id" and not "run" and not "later" || text != "1"))
                {
                    var path = Parameter().Replace(need.Pattern, match => match.Groups[1].Value == name ? Uri.EscapeDataString(text)
                        : match.Groups[1].Value switch { "context" => "donations", "kind" => "donation", "job" => "abc", _ => "1" });
                    var reply = await _world.SendAsync(need.Method, path, "engineer", need.Body is null ? null : new { });
                    Assert.That((int)reply.Status, Is.AnyOf(400, 404, 409, 415, 422, 428), $"{need.Method} {path}: {reply}");
                    Assert.That(reply.Type, Is.EqualTo("application/problem+json"), path);
                }
            }

            foreach (var name in need.Query.Where(_ => need.Method == "GET").Where(name => name is not "reason"))
            {
                foreach (var text in evil.Where(text => text != "0"))
                {
                    var path = Parameter().Replace(need.Pattern, match => match.Groups[1].Value switch { "context" => "donations", "kind" => "donation", _ => "1" });
                    var reply = await _world.GetAsync($"{path}?{name}={Uri.EscapeDataString(text)}", "engineer");
                    Assert.That((int)reply.Status, Is.AnyOf(400, 404), $"{path}?{name}={text}: {reply}");
                }
            }
        }

        Assert.That(await RowsAsync(), Is.EqualTo(rows));
    }

    [Test]
    [Category("Case65")]
    public async Task What_is_sent_again_with_its_key_is_answered_the_same_wherever_and_whenever_and_done_once()
    {
        var (key, reason) = (("Idempotency-Key", Guid.NewGuid().ToString()), $"once {Guid.NewGuid():N}");
        const string Retries = "/contexts/donations/parked/retries";
        var all = await Task.WhenAll(Enumerable.Range(0, 6).Select(at => _world.SendAsync("POST", Retries, "operator", new { reason }, at % 2, key)));
        Assert.That(all.Select(reply => reply.Status), Has.All.AnyOf(HttpStatusCode.OK, HttpStatusCode.Conflict).And.Some.EqualTo(HttpStatusCode.OK));
        Assert.That((await _world.SendAsync("POST", Retries, "operator", new { reason = "another" }, 1, key)).Status, Is.EqualTo(HttpStatusCode.UnprocessableEntity));
        Assert.That((await _world.SendAsync("POST", Retries, "ben", new { reason }, 1, key)).Status, Is.EqualTo(HttpStatusCode.OK), "another caller's key is another key");
        Assert.That((await _world.SendAsync("POST", Retries, "operator", new { reason }, 0, ("Idempotency-Key", new string('x', 201)))).Status, Is.EqualTo(HttpStatusCode.BadRequest));

        await ToAsync(Stage.DualWrite);
        await ReconcileAsync();
        var stage = await _world.GetAsync("/contexts/donations/stage");
        (string, string)[] step = [("If-Match", stage.Tag!), ("Idempotency-Key", Guid.NewGuid().ToString())];
        var moved = await _world.SendAsync("PUT", "/contexts/donations/stage", "engineer", new { stage = "ShadowRead", reason }, 0, step);
        Assert.That(moved.Status, Is.EqualTo(HttpStatusCode.OK), moved.ToString());
        var id = await AnIdAsync();
        var (repair, body) = (("Idempotency-Key", Guid.NewGuid().ToString()), new { keys = new[] { id }, apply = true, reason });
        var repaired = await _world.SendAsync("POST", "/contexts/donations/repairs", "operator", body, 0, repair);
        Assert.That(repaired.Status, Is.EqualTo(HttpStatusCode.OK), repaired.ToString());

        // Long ago, and asked of one that was not there yet.
        await FillTrailAsync();
        var later = await _world.StartAsync();
        var again = await _world.SendAsync("POST", Retries, "operator", new { reason }, later, key);
        Assert.That((again.Status, again.Body), Is.EqualTo((HttpStatusCode.OK, all.First(reply => reply.Status == HttpStatusCode.OK).Body)));
        var movedAgain = await _world.SendAsync("PUT", "/contexts/donations/stage", "engineer", new { stage = "ShadowRead", reason }, later, step);
        Assert.That((movedAgain.Status, movedAgain.Body, movedAgain.Tag), Is.EqualTo((moved.Status, moved.Body, moved.Tag)), "not 412, though the context has moved since");
        var repairedAgain = await _world.SendAsync("POST", "/contexts/donations/repairs", "operator", body, later, repair);
        Assert.That((repairedAgain.Status, repairedAgain.Body), Is.EqualTo((repaired.Status, repaired.Body)));

        var acts = (await _world.World.Host.Cutover.HistoryAsync(10_000, CancellationToken.None)).Where(entry => entry.Reason == reason).Select(entry => (entry.Actor, entry.Action)).ToList();
        Assert.That(acts, Is.EquivalentTo(new[] { ("key:operator", "retry"), ("key:ben", "retry"), ("key:engineer", "advance") }));

        var gone = ("Idempotency-Key", Guid.NewGuid().ToString());
        Assert.That((await _world.SendAsync("POST", "/contexts/donations/parked/donation/999999/drops", "engineer", new { apply = true, reason }, 0, gone)).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await _world.SendAsync("POST", "/contexts/donations/parked/donation/999999/drops", "engineer", new { apply = false }, 0, gone)).Status, Is.EqualTo(HttpStatusCode.NotFound),
            "what was refused has used up no key");
    }

    [Test]
    [Category("Case65")]
    public async Task A_step_that_needs_two_people_is_asked_for_by_one_and_made_by_another()
    {
        const string Approval = "/contexts/donations/stage/approval";
        await ToAsync(Stage.DualWrite);
        await ReconcileAsync();
        var (here, there) = (await _world.StartAsync(secondApprover: true), await _world.StartAsync(secondApprover: true));
        var stage = await _world.GetAsync("/contexts/donations/stage", service: here);
        var asked = await PutAsync(stage.Tag, new { stage = "ShadowRead", reason = "the plan" }, here);
        Assert.That((asked.Status, asked.Tag, asked.Json.GetProperty("stage").GetString()), Is.EqualTo((HttpStatusCode.Accepted, stage.Tag, "DualWrite")), asked.ToString());
        var id = asked.Json.GetProperty("asked").GetProperty("id").GetString()!;
        Assert.That((await _world.GetAsync("/contexts/donations/stage", service: there)).Json.GetProperty("asked").GetProperty("asked_by").GetString(), Is.EqualTo("key:engineer"), "all know of it");
        Assert.That((await PutAsync(stage.Tag, new { stage = "ShadowRead", reason = "me too" }, there, "eva")).Status, Is.EqualTo(HttpStatusCode.Conflict), "asking twice is not approving");

        Assert.That((await ApproveAsync("engineer", id)).Status, Is.EqualTo(HttpStatusCode.Conflict), "not by whoever asked");
        Assert.That((await ApproveAsync("operator", id)).Status, Is.EqualTo(HttpStatusCode.Forbidden));
        Assert.That((await ApproveAsync("eva", "other")).Status, Is.EqualTo(HttpStatusCode.Conflict));
        var line = new Cli.CommandLine(_world.World);
        var typed = await line.RunAsync("cutover advance donations --force --reason hurry", line.Write(line.Legacy, line.New, secondApprover: true), CancellationToken.None);
        Assert.That(typed.Code, Is.EqualTo(4), typed.ToString());
        Assert.That(typed.Error, Does.Contain("contexts.donations.options.secondApprover is true"));

        await PlantAsync();
        await ReconcileAsync();
        var closed = await ApproveAsync("eva", id);
        Assert.That((closed.Status, closed.Body), Is.EqualTo((HttpStatusCode.Conflict, closed.Body)));
        Assert.That(closed.Json.GetProperty("gates")[0].GetProperty("name").GetString(), Is.EqualTo("full reconciliation of donation"), "gates are looked at again");
        Assert.That((await _world.GetAsync("/contexts/donations/stage")).Tag, Is.EqualTo(stage.Tag), "nothing of that changed anything");
        await MendAsync();
        await ReconcileAsync();
        var made = await ApproveAsync("eva", id);
        Assert.That((made.Status, made.Json.GetProperty("stage").GetString()), Is.EqualTo((HttpStatusCode.OK, "ShadowRead")), made.ToString());
        Assert.That((await ApproveAsync("eva", id)).Status, Is.EqualTo(HttpStatusCode.PreconditionFailed));
        Assert.That((await ApproveAsync("eva", id, made.Tag!)).Status, Is.EqualTo(HttpStatusCode.Conflict), "a yes counts once");
        var trail = (await _world.World.Host.Cutover.HistoryAsync(10_000, CancellationToken.None)).Where(entry => entry.Detail.Contains(id, StringComparison.Ordinal))
            .Select(entry => (entry.Actor, entry.Action)).Reverse();
        Assert.That(trail, Is.EqualTo(new[] { ("key:engineer", "ask"), ("key:engineer", "refused"), ("key:eva", "approve"), ("key:eva", "advance") }));

        // On the dashboard: asked for by one, withdrawn, asked for once more and approved.
        var (engineer, eva) = (await _world.SignInAsync("engineer"), await _world.SignInAsync("eva"));
        for (var withdrawn = true; ; withdrawn = false)
        {
            var step = await PageAsync("/ui/contexts/donations/stage?to=DualWrite", engineer, here);
            Assert.That(step.Body, Does.Contain("Ask for DualWrite"));
            Assert.That((await FormAsync("/ui/contexts/donations/stage", engineer, TokenOf(step), here, ("to", "DualWrite"), ("seen", made.Tag!), ("reason", "back"), ("confirm", "donations"))).Status,
                Is.EqualTo(HttpStatusCode.SeeOther));
            Assert.That((await PageAsync("/ui/contexts/donations", engineer, here)).Body, Does.Contain("somebody else approves").And.Not.Contain("Approve: go to"));
            var page = await PageAsync("/ui/contexts/donations", eva, there);
            Assert.That(page.Body, Does.Contain("ShadowRead → DualWrite waits for a second person").And.Contain("Approve: go to DualWrite"), page.ToString());
            Keep("asked", page);
            if (withdrawn)
            {
                Assert.That((await FormAsync("/ui/contexts/donations/stage/withdrawal", eva, TokenOf(page), there, ("reason", "not today"), ("request", "another"))).Status, Is.EqualTo(HttpStatusCode.Conflict));
                Assert.That((await FormAsync("/ui/contexts/donations/stage/withdrawal", eva, TokenOf(page), there, ("reason", "not today"), ("request", RequestOf(page)))).Status, Is.EqualTo(HttpStatusCode.SeeOther));
                continue;
            }

            (string, string)[] yes = [("request", RequestOf(page)), ("seen", made.Tag!), ("reason", "yes"), ("confirm", "donations")];
            Assert.That((await FormAsync("/ui/contexts/donations/stage/approval", eva, null, there, yes)).Status, Is.EqualTo(HttpStatusCode.Forbidden));
            Assert.That((await FormAsync("/ui/contexts/donations/stage/approval", eva, TokenOf(page), there, yes)).Status, Is.EqualTo(HttpStatusCode.SeeOther));
            break;
        }

        Assert.That((await _world.GetAsync("/contexts/donations/stage")).Json.GetProperty("stage").GetString(), Is.EqualTo("DualWrite"));

        Task<Reply> ApproveAsync(string who, string request, string? tag = null) =>
            _world.SendAsync("PUT", Approval, who, new { request, reason = "seen and agreed" }, there, ("If-Match", tag ?? stage.Tag!));
    }

    [Test]
    public async Task A_file_that_is_changed_is_in_force_without_a_restart_as_far_as_that_is_safe_and_told_before()
    {
        var service = await _world.StartAsync();
        var (file, stage) = (_world.FileOf(service), "/contexts/donations/stage");
        var original = await File.ReadAllTextAsync(file);
        Assert.That((await _world.GetAsync(stage, "viewer", service)).Json.GetProperty("second_approver").GetBoolean(), Is.False);

        // What is live, and what is not, in one file.
        var changed = With(original, ("\"secondApprover\": false", "\"secondApprover\": true, \"lagLimit\": \"17s\", \"oneTransaction\": true"),
            ("\"name\": \"viewer\"", "\"name\": \"auditor\""), ("[ \"key:ben\" ]", "[]"), ("\"127.0.0.1:0\"", "\"127.0.0.1:5081\""),
            ("\"reconciliation\":", "\"schedules\": [ { \"cron\": \"0 0 3 1 1 ? 2098\" } ], \"reconciliation\":"));
        await File.WriteAllTextAsync(file, changed);
        await UntilAsync(async () => (await _world.GetAsync(stage, "viewer", service)).Json.GetProperty("second_approver").GetBoolean());
        await SaysAsync("http.listen has changed, and this service runs by what it was", 1);
        await SaysAsync("contexts.donations.options.oneTransaction has changed, and this service runs by what it was", 1);
        var trail = (await _world.World.Host.Cutover.HistoryAsync(20, CancellationToken.None)).Where(act => act.Action == "settings").ToList();
        Assert.That(trail.Select(act => act.Detail), Is.EquivalentTo(new[]
        {
            "contexts.donations.options.lagLimit: (not given) → \"17s\"; contexts.donations.options.secondApprover: false → true; "
            + "contexts.donations.schedules: (not given) → [{\"cron\":\"0 0 3 1 1 ? 2098\"}]",
            "http.keys: [viewer viewer, operator operator, engineer engineer, ben operator, eva engineer] → "
            + "[auditor viewer, operator operator, engineer engineer, ben operator, eva engineer]; reveal: [\"key:ben\"] → []",
        }));
        Assert.That(trail.Select(act => act.Actor), Is.All.StartsWith("configuration ("));
        var refused = await _world.SendAsync("POST", "/contexts/donations/reports/1/revelations", "ben", new { reason = "to see" }, service);
        Assert.That(refused.Detail, Does.Contain("may not see clear values"));
        await UntilAsync(async () => (await _world.GetAsync("/contexts/donations", "viewer", service)).Body.Contains("2098-01-01 03:00:00 UTC, by ", StringComparison.Ordinal));

        // Nothing of a file with mistakes, which are told all at once.
        await File.WriteAllTextAsync(file, With(original, ("\"secondApprover\": false", "\"secondApprover\": 7, \"lagLimit\": \"soon\"")));
        await SaysAsync("is not taken, the settings stay as they were", 2);
        Assert.That((await _world.GetAsync(stage, "viewer", service)).Json.GetProperty("second_approver").GetBoolean(), Is.True);

        // A limit that is met at once, and back to where it was.
        await File.WriteAllTextAsync(file, With(original, ("\"requestsPerMinute\": 100000", "\"requestsPerMinute\": 2")));
        await UntilAsync(async () => (await _world.GetAsync(stage, "viewer", service)).Status == HttpStatusCode.TooManyRequests);
        await File.WriteAllTextAsync(file, original);
        await UntilAsync(async () => (await _world.GetAsync(stage, "viewer", service)).Status == HttpStatusCode.OK);
        Assert.That((await _world.GetAsync(stage, "viewer", service)).Json.GetProperty("second_approver").GetBoolean(), Is.False);
        await UntilAsync(async () => (await _world.GetAsync("/contexts/donations", "viewer", service)).Body.Contains("\"never, by ", StringComparison.Ordinal));

        Task SaysAsync(string text, int times) =>
            UntilAsync(() => Task.FromResult(_world.World.Logs.Lines.Count(line => line.Contains(text, StringComparison.Ordinal)) == times));

        static string With(string text, params (string From, string To)[] changes) => changes.Aggregate(text, (whole, change) =>
        {
            Assert.That(whole, Does.Contain(change.From));
            return whole.Replace(change.From, change.To, StringComparison.Ordinal);
        });
    }

    [Test]
    [Category("Case65")]
    public async Task A_body_that_is_not_what_is_expected_is_refused()
    {
        const string Path = "/contexts/donations/parked/retries";
        foreach (var (body, type, status) in new[]
        {
            ("{}", "text/plain", 415), ("", "application/json", 400), ("null", "application/json", 400), ("[]", "application/json", 400), ("{\"reason\":", "application/json", 400),
            ("{\"reason\":\"x\",\"colour\":1}", "application/json", 400), ("{\"reason\":\"x\",\"reason\":\"y\"}", "application/json", 400), ("{\"reason\":7}", "application/json", 400),
            ($"{new string('[', 2000)}", "application/json", 400), ($"{{\"reason\":\"{new string('x', 2000)}\"}}", "application/json", 400),
            ($"{{\"reason\":\"{new string('x', 100_000)}\"}}", "application/json", 413), ("{\"reason\":\"a\\u0000b\"}", "application/json", 400),
        })
        {
            using var content = new StringContent(body, Encoding.UTF8, type);
            var reply = await _world.SendAsync("POST", Path, "operator", content);
            Assert.That((int)reply.Status, Is.EqualTo(status), $"{body[..Math.Min(40, body.Length)]}: {reply}");
            Assert.That(reply.Type, Is.EqualTo("application/problem+json"));
        }

        Assert.That((await _world.SendAsync("POST", Path, "operator", new { reason = "all of them" })).Json.GetProperty("put_back").GetInt32(), Is.Zero);
        Assert.That((await _world.GetAsync("/contexts/donations/audit")).Body, Does.Contain("all parked keys"));
    }

    [Test]
    public async Task The_dashboard_leads_from_drift_to_its_repair_and_through_a_step_with_a_dry_run_and_a_typed_name()
    {
        await ToAsync(Stage.DualWrite);
        await PlantAsync();
        var run = await ReconcileAsync();
        var cookie = await _world.SignInAsync("engineer");
        var context = await PageAsync("/ui/contexts/donations", cookie);
        Assert.That(context.Body, Does.Contain($"/ui/contexts/donations/reports/{run}").And.Contain("Step to ShadowRead"), context.ToString());
        Keep("context", context);
        Keep("report", await PageAsync($"/ui/contexts/donations/reports/{run}", cookie));
        var preview = await PageAsync($"/ui/contexts/donations/reports/{run}/repair", cookie);
        Assert.That(preview.Body, Does.Contain("WouldWrite"), preview.ToString());
        Keep("repair", preview);
        Assert.That((await FormAsync($"/ui/contexts/donations/reports/{run}/repair", cookie, "forged", ("reason", "x"))).Status, Is.EqualTo(HttpStatusCode.Forbidden));
        const string Evil = "<script>document.title='taken over'</script>";
        var repaired = await FormAsync($"/ui/contexts/donations/reports/{run}/repair", cookie, TokenOf(preview), ("reason", Evil));
        Assert.That(repaired.Body, Does.Contain("2 repaired"), repaired.ToString());
        await ReconcileAsync();

        var step = await PageAsync("/ui/contexts/donations/stage?to=ShadowRead", cookie);
        Assert.That(step.Body, Does.Contain("Every gate is open"), step.ToString());
        Keep("step", step);
        var seen = Regex.Match(step.Body, "name=\"seen\" value=\"([^\"]+)\"").Groups[1].Value.Replace("&quot;", "\"", StringComparison.Ordinal);
        (string, string)[] good = [("to", "ShadowRead"), ("seen", seen), ("reason", "by the dashboard"), ("confirm", "donations")];
        Assert.That((await FormAsync("/ui/contexts/donations/stage", cookie, TokenOf(step), [.. good[..3], ("confirm", "donation")])).Status, Is.EqualTo(HttpStatusCode.Conflict));
        Assert.That((await FormAsync("/ui/contexts/donations/stage", cookie, TokenOf(step), [.. good[..2], good[3]])).Status, Is.EqualTo(HttpStatusCode.BadRequest), "no reason");
        Assert.That((await FormAsync("/ui/contexts/donations/stage", cookie, null, good)).Status, Is.EqualTo(HttpStatusCode.Forbidden));
        Assert.That((await FormAsync("/ui/contexts/donations/stage", await _world.SignInAsync("operator"), TokenOf(step), good)).Status, Is.EqualTo(HttpStatusCode.Forbidden));
        Assert.That((await FormAsync("/ui/contexts/donations/stage", cookie, TokenOf(step), good)).Status, Is.EqualTo(HttpStatusCode.SeeOther));
        Assert.That((await FormAsync("/ui/contexts/donations/stage", cookie, TokenOf(step), good)).Status, Is.EqualTo(HttpStatusCode.Conflict), "sent again");

        var after = await PageAsync("/ui/contexts/donations", cookie);
        Assert.That(after.Body, Does.Contain("advance: DualWrite → ShadowRead").And.Contain("&lt;script&gt;").And.Not.Contain("<script"), "a reason is shown, not run");
        Keep("after", after);
        Keep("timeline", await PageAsync($"/ui/contexts/donations/timeline?kind=donation&id={await AnIdAsync()}", cookie));
        Assert.That((await PageAsync("/ui/contexts/donations/timeline?kind=donation&id=1%27%20OR%201", cookie)).Status, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    private Task<Reply> PutAsync(string? tag, object body, int service = 0, string who = "engineer") =>
        _world.SendAsync("PUT", "/contexts/donations/stage", who, body, service, tag is null ? [] : [("If-Match", tag)]);

    private Task<Reply> PageAsync(string path, string cookie, int service = 0) => _world.SendAsync("GET", path, null, null, service, ("Cookie", cookie));

    private Task<Reply> FormAsync(string path, string cookie, string? token, params (string Name, string Value)[] fields) => FormAsync(path, cookie, token, 0, fields);

    private Task<Reply> FormAsync(string path, string cookie, string? token, int service, params (string Name, string Value)[] fields) => _world.SendAsync(
        "POST", path, null,
        new FormUrlEncodedContent(fields.Concat(token is null ? [] : [("form_token", token)]).Select(field => KeyValuePair.Create(field.Item1, field.Item2))), service, ("Cookie", cookie));

    private static string RequestOf(Reply page) => Regex.Match(page.Body, "name=\"request\" value=\"([^\"]+)\"").Groups[1].Value;

    private static string TokenOf(Reply page) => Regex.Match(page.Body, "name=\"form_token\" value=\"([^\"]+)\"").Groups[1].Value;

    // For whoever wants to look at them.
    private static void Keep(string name, Reply page)
    {
        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.OK), page.ToString());
        Assert.That(page.Body, Does.Not.Contain("<script").And.Not.Contain(" style="));
        File.WriteAllText(Path.Combine(TestContext.CurrentContext.WorkDirectory, $"page-{name}.html"), page.Body);
    }

    private async Task<long> ReconcileAsync()
    {
        var started = await _world.SendAsync("POST", "/contexts/donations/reconciliations", "operator", new { });
        Assert.That(started.Status, Is.EqualTo(HttpStatusCode.Accepted), started.ToString());
        await UntilAsync(async () => (await _world.GetAsync(started.Location!.ToString())).Json.GetProperty("state").GetString() != "Running");
        var end = (await _world.GetAsync(started.Location!.ToString())).Json;
        Assert.That(end.GetProperty("state").GetString(), Is.EqualTo("Ended"), end.GetRawText());
        return end.GetProperty("runs")[0].GetInt64();
    }

    private async Task FillTrailAsync()
    {
        await using var connection = await _world.World.LegacyDatabase.OpenAsync();
        await connection.ExecuteAsync(
            "INSERT INTO strangler_audit (context, at, actor, action, from_stage, to_stage, epoch, forced, reason, detail) "
            + "SELECT 'donations', UTC_TIMESTAMP(6), 'test', 'filler', '', '', 0, 0, '', seq FROM seq_1_to_700");
    }

    private async Task<System.Data.Common.DbConnection> LeadDatabaseAsync()
    {
        var lead = (await _world.GetAsync("/contexts/donations/stage")).Json.GetProperty("lead").GetString();
        return lead == "Legacy" ? await _world.World.LegacyDatabase.OpenAsync() : await _world.World.NewDatabase.OpenAsync();
    }

    private async Task PlantAsync(string sql = "UPDATE donation SET amount = amount + 1 LIMIT 2")
    {
        await using var connection = await _world.World.NewDatabase.OpenAsync();
        await connection.ExecuteAsync(sql);
    }

    // As an operator would.
    private async Task MendAsync()
    {
        var run = await ReconcileAsync();
        var done = await _world.SendAsync("POST", "/contexts/donations/repairs", "operator", new { report = run, apply = true, reason = "planted by a test" });
        Assert.That((done.Status, done.Json.GetProperty("recheck").GetString()), Is.EqualTo((HttpStatusCode.OK, "clean")), done.ToString());
    }

    private async Task ToAsync(Stage stage)
    {
        var now = await _world.GetAsync("/contexts/donations/stage");
        if (now.Json.GetProperty("stage").GetString() != stage.ToString())
        {
            var moved = await PutAsync(now.Tag, new { stage = stage.ToString(), reason = "for a test" });
            Assert.That(moved.Status, Is.EqualTo(HttpStatusCode.OK), moved.ToString());
        }
    }

    private async Task<long> AnIdAsync()
    {
        await using var connection = await _world.World.NewDatabase.OpenAsync();
        return await connection.ExecuteScalarAsync<long>("SELECT MIN(public_id) FROM strangler_id_map WHERE context = 'donations' AND kind = 'donation'");
    }

    private async Task<long> RowsAsync()
    {
        await using var connection = await _world.World.NewDatabase.OpenAsync();
        return await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM donation");
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await isSo())
        {
            await Task.Delay(50, patience.Token);
        }
    }

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex Parameter();
}
