using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using Strangler.DualWrite;
using Strangler.Hooks;

namespace Strangler.IntegrationTests.Http;

/// <summary>Entities over HTTP on real databases, for frontends that are not .NET: one world for all of it, which the last test leads through every stage.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class RepositoryApiTests
{
    // Anything that must never be seen in a log.
    private const string Name = "Qxz'); DROP TABLE spenden; --<script>alert(1)</script>\\u00e4";
    private const string ShortName = "Qxz'); DROP TABLE request;--<b>\\u00e4";
    private const string Email = "qxz.person@example.org";
    private const string Iban = "DE12500105170648489890";

    private const string Donation = $$"""
        { "created_at": "2022-06-01T10:00:00", "amount_in_cents": 1999, "interval_in_months": 0,
          "donor": { "type": "person", "name": { "salutation": "Frau", "title": "", "first_name": "Qxz", "last_name": "{{Name}}" },
            "address": { "street": "Qxz-Straße 1", "postcode": "12345", "city": "Köln", "country": "DE" }, "email": "{{Email}}" },
          "payment": { "type": "direct_debit", "account": { "iban": "{{Iban}}", "bic": "INGDDEFFXXX" } },
          "wants_newsletter": true, "comment": { "text": "{{Name}}", "author": "Qxz", "is_public": true },
          "tracking": { "campaign": "c1", "keyword": "k1", "impressions": 3, "banner_impressions": 1 },
          "tokens": { "access_token": "qxzaccess", "update_token": "qxzupdate", "update_token_expires_at": null } }
        """;

    private const string Membership = $$"""
        { "created_at": "2022-06-01T10:00:00", "type": "sustaining",
          "applicant": { "type": "person", "name": { "salutation": "Herr", "title": "Dr.", "first_name": "Qxz", "last_name": "{{ShortName}}" },
            "contact": { "address": { "street": "Qxz-Straße 1", "postcode": "12345", "city": "Köln", "country": "DE" }, "email": "{{Email}}", "phone": "0221" },
            "date_of_birth": "1990-01-31" },
          "fee": { "amount_in_cents": 2500, "interval_in_months": 3 },
          "payment": { "type": "direct_debit", "account": { "iban": "{{Iban}}", "bic": "INGDDEFFXXX" } }, "receipt": "yes" }
        """;

    private const string Subscription = $$"""
        { "created_at": "2022-06-01T10:00:00", "email": "{{Email}}", "confirmation_code": "qxz-code-0001", "tracking": { "campaign": "c1", "keyword": "k1" }, "source": "Qxz" }
        """;

    private const string AddressChange = """
        { "created_at": "2022-06-01T10:00:00", "type": "person", "owner": { "type": "donation", "id": 4711 } }
        """;

    private const string Address = $$"""
        { "salutation": "Frau", "first_name": "Qxz", "last_name": "{{ShortName}}", "street": "Qxz-Straße 1", "postcode": "12345", "city": "Köln", "country": "DE" }
        """;

    // A whole entity, a change that can be made, one that two make at once, and what is worn by time or chance.
    private static readonly Sample[] _samples =
    [
        new("donations", Donation, """{ "is_cancelled": true }""", """{ "amount_in_cents": 500 }"""),
        new("memberships", Membership, """{ "fee": { "amount_in_cents": 5000, "interval_in_months": 12 } }""", """{ "receipt": "no" }"""),
        new("subscriptions", Subscription, """{ "is_confirmed": true }""", """{ "source": "Other" }"""),
        new("address-changes", AddressChange, $$"""{ "address": {{Address}} }""", """{ "wants_receipt": false }"""),
    ];

    private static readonly string[] _worn = ["id", "current_identifier", "previous_identifier", "modified_at"];

    private RepositoryWorld _world = null!;

    [OneTimeSetUp]
    public async Task CreateAsync() => _world = await RepositoryWorld.CreateAsync();

    [OneTimeTearDown]
    public async Task DisposeAsync() => await _world.DisposeAsync();

    [TearDown]
    public void Nothing_personal_is_in_the_logs()
    {
        var lines = _world.Contexts.Values.SelectMany(each => each.Logs.Lines).Concat(_world.Logs.Lines).ToList();
        Assert.That(lines.Where(line => new[] { "qxz", Iban, "Köln", "1990-01" }.Any(part => line.Contains(part, StringComparison.OrdinalIgnoreCase))), Is.Empty);
    }

    [Test, Order(1)]
    [Category("Case65")]
    public async Task What_a_body_or_a_header_may_not_be_is_refused_and_told_with_its_place()
    {
        const string Good = Donation;
        (string What, string Body, int Status, string Told)[] table =
        [
            ("nothing", "", 400, "no JSON"), ("no object", "[]", 400, "(the body): expected an object"), ("null", "null", 400, "an object"), ("cut off", "{\"amount", 400, "no JSON"),
            ("empty", "{}", 400, "amount_in_cents: expected a whole number; it is missing"), ("unknown", With("colour", "1"), 400, "colour: expected nothing of that name; there are: created_at"),
            ("unknown within", Good.Replace("\"city\"", "\"town\"", StringComparison.Ordinal), 400, "donor.address.town: expected nothing of that name"),
            ("missing within", Good.Replace("\"title\": \"\",", "", StringComparison.Ordinal), 400, "donor.name.title: expected text without the character U+0000; it is missing"),
            ("twice", With("amount_in_cents", "1"), 400, "each member is there once"), ("twice within", Good.Replace("\"title\"", "\"salutation\"", StringComparison.Ordinal), 400, "once"),
            ("text as number", Instead("amount_in_cents", "1999", "\"1999\""), 400, "amount_in_cents: expected a whole number"), ("a fraction", Instead("amount_in_cents", "1999", "19.99"), 400, "whole"),
            ("an exponent", Instead("amount_in_cents", "1999", "1e3"), 400, "whole"), ("too large a number", Instead("amount_in_cents", "1999", "9223372036854775808"), 400, "whole"),
            ("not a number", Instead("amount_in_cents", "1999", "null"), 400, "amount_in_cents: expected a whole number, not null"), ("negative", Instead("amount_in_cents", "1999", "-1"), 422, "amountInCents"),
            ("more than legacy holds", Instead("amount_in_cents", "1999", "9223372036854775807"), 422, "amount"), ("a large interval", Instead("interval_in_months", "0", "3000000000"), 400, "interval_in_months"),
            ("what comes of itself", With("id", "17"), 400, "id: expected nothing of that name"), ("a flag as text", With("is_cancelled", "\"yes\""), 400, "is_cancelled: expected true or false"),
            ("a flag as null", With("is_cancelled", "null"), 400, "is_cancelled: expected true or false, not null"),
            ("another kind of donor", Good.Replace("\"person\"", "\"robot\"", StringComparison.Ordinal), 400, "donor.type: expected one of: person, company"),
            ("a kind in capitals", Good.Replace("\"person\"", "\"Person\"", StringComparison.Ordinal), 400, "donor.type"), ("a kind as number", Good.Replace("\"person\"", "0", StringComparison.Ordinal), 400, "donor.type"),
            ("no kind", Good.Replace("\"type\": \"person\",", "", StringComparison.Ordinal), 400, "donor.type"), ("erased from the beginning", With("is_anonymized", "7"), 400, "is_anonymized"),
            ("another payment", Good.Replace("direct_debit", "barter", StringComparison.Ordinal), 400, "payment.type"), ("a day that is none", Good.Replace("2022-06-01T", "2022-02-30T", StringComparison.Ordinal), 400, "created_at: expected a time such as"),
            ("a zone", Good.Replace("T10:00:00", "T10:00:00Z", StringComparison.Ordinal), 400, "created_at"), ("a day without a time", Good.Replace("T10:00:00", "", StringComparison.Ordinal), 400, "created_at"),
            ("a zero character", Good.Replace("12345", "1\\u00002", StringComparison.Ordinal), 400, "donor.address.postcode: expected text without the character U+0000"),
            ("half a character", Good.Replace("12345", "\\ud800", StringComparison.Ordinal), 400, "donor.address.postcode"), ("half a name", With("\\ud800", "1"), 400, ""),
            ("a name that says too much", With("max.mustermann@example.org", "1"), 400, "(a member): expected nothing"), ("deeper than anything", $"{{\"donor\":{new string('[', 100)}}}", 400, "no JSON"),
            ("longer than legacy", Good.Replace("Köln", new string('K', 300), StringComparison.Ordinal), 422, "city"), ("a character that legacy has not", Good.Replace("Köln", "\\ud83d\\ude00", StringComparison.Ordinal), 422, "city"),
            ("more than the limit", Good.Replace("Köln", new string('K', 70_000), StringComparison.Ordinal), 413, "too large"), ("no comment", Good.Replace($"\"text\": \"{Name}\"", "\"text\": \"\"", StringComparison.Ordinal), 422, "A comment has text."),
        ];
        var rows = await RowsAsync();
        foreach (var (what, body, status, told) in table)
        {
            var reply = await _world.CreateAsync("donations", body, Guid.NewGuid().ToString());
            Assert.That(((int)reply.Status, reply.Type), Is.EqualTo((status, "application/problem+json")), $"{what}: {reply}");
            Assert.That(reply.Detail, Does.Contain(told).And.Not.Contain("mustermann").And.Not.Contain("qxz").IgnoreCase, what);
        }

        using var bytes = new ByteArrayContent([.. Encoding.UTF8.GetBytes("{\"log_message\":\""), 0xC3, 0x28, .. Encoding.UTF8.GetBytes("\"}")]);
        bytes.Headers.ContentType = new("application/json");
        var notUtf8 = await _world.SendAsync("POST", "/v1/donations", bytes, 0, "shop", ("Idempotency-Key", "x"));
        Assert.That((notUtf8.Status, notUtf8.Detail), Is.EqualTo((HttpStatusCode.BadRequest, "The body is not UTF-8.")));
        using var text = new StringContent(Good, Encoding.UTF8, "text/plain");
        Assert.That((await _world.SendAsync("POST", "/v1/donations", text, 0, "shop", ("Idempotency-Key", "x"))).Status, Is.EqualTo(HttpStatusCode.UnsupportedMediaType));
        foreach (var key in new[] { null, "", new string('x', 256), "a b" })
        {
            var reply = await _world.SendAsync("POST", "/v1/donations", Good, 0, "shop", key is null ? [] : [("Idempotency-Key", key)]);
            Assert.That(reply.Status, Is.EqualTo(HttpStatusCode.BadRequest), $"Idempotency-Key: {key}");
        }

        foreach (var id in new[] { "0", "-1", "1e3", "99999999999999999999", "1;DROP TABLE spenden", "..%2fcontexts", "%00" })
        {
            Assert.That((int)(await _world.GetAsync($"/v1/donations/{id}")).Status, Is.AnyOf(400, 404), id);
        }

        Assert.That(await RowsAsync(), Is.EqualTo(rows), "nothing of that was written");

        static string With(string member, string value) => $"{{\"{member}\": {value}, {Good.TrimStart()[1..]}";

        static string Instead(string member, string value, string other) => Good.Replace($"\"{member}\": {value}", $"\"{member}\": {other}", StringComparison.Ordinal);
    }

    [Test, Order(1)]
    public async Task A_change_that_the_domain_refuses_names_its_member_and_changes_nothing()
    {
        var born = await _world.CreateAsync("donations", Donation, "refused-changes");
        var path = born.Location!.ToString();
        foreach (var (body, status, member) in new[]
        {
            ("{}", 400, null), ("""{ "created_at": "2022-06-01T10:00:00" }""", 400, null), ("""{ "payment_state": "booked" }""", 400, null),
            ("""{ "amount_in_cents": 700, "interval_in_months": 5 }""", 422, "interval_in_months"), ("""{ "payment": { "type": "cash" } }""", 422, "payment"),
            ("""{ "booked_payment": { "type": "direct_debit", "account": null } }""", 409, "booked_payment"), ("""{ "donor": { "type": "anonymized", "original_type": "person", "salutation": "" } }""", 422, "donor"),
            ("""{ "follows": 17 }""", 409, "follows"),
        })
        {
            var reply = await _world.ChangeAsync(path, body, born.Tag);
            Assert.That((int)reply.Status, Is.EqualTo(status), $"{body}: {reply}");
            Assert.That(member is null || reply.Json.GetProperty("member").GetString() == member, $"{body}: {reply}");
        }

        foreach (var tag in new[] { "*", "W/" + born.Tag, "\"1\"", "x", "\"0.0.1.1.1.0.\"", born.Tag!.Trim('"') })
        {
            Assert.That((await _world.ChangeAsync(path, """{ "amount_in_cents": 700 }""", tag)).Status, Is.EqualTo(HttpStatusCode.PreconditionFailed), tag);
        }

        var now = await _world.GetAsync(path);
        Assert.That((now.Body, now.Tag), Is.EqualTo((born.Body, born.Tag)));

        // A key that named another request before names this one as well: nothing is taken for done that was not.
        var key = ("Idempotency-Key", "refused-changes");
        var changed = await _world.ChangeAsync(path, """{ "amount_in_cents": 800 }""", born.Tag, 0, key);
        Assert.That(changed.Json.GetProperty("amount_in_cents").GetInt64(), Is.EqualTo(800), changed.ToString());
        var erased = await _world.ChangeAsync(path, """{ "is_anonymized": true }""", changed.Tag, 0, key);
        Assert.That(erased.Json.GetProperty("donor").GetProperty("type").GetString(), Is.EqualTo("anonymized"), erased.ToString());
        Assert.That((await _world.ChangeAsync(path, """{ "is_anonymized": false }""", erased.Tag)).Status, Is.EqualTo(HttpStatusCode.Conflict));
        var trail = await _world.Contexts["donations"].Host.Cutover.HistoryAsync(10, CancellationToken.None);
        Assert.That(
            trail.Where(act => act.Action == "erase").Select(act => (act.Actor, act.Detail)).Reverse(),
            Is.EqualTo(new[] { "asked for", "done" }.Select(what => ("key:shop", $"donation {IdOf(born)}: {what}"))));
    }

    [Test, Order(1)]
    public async Task The_trail_says_of_a_removal_what_was_asked_for_and_what_came_of_it_and_nothing_is_removed_untold()
    {
        var refusing = await _world.StartAsync((point, side) => point is HookPoint.WriteBeforeBegin
            ? throw new SideUnavailableException(side, "down on purpose", isTransient: false, new IOException(Email)) : default);
        var lost = await _world.StartAsync((point, _) => point is HookPoint.WriteCommitted ? throw new InvalidDataException(Email) : default);
        var mute = await _world.StartAsync(async (point, _) =>
        {
            if (point is HookPoint.WriteBeforeCommit)
            {
                await RenameAuditAsync("strangler_audit", "strangler_audit_away");
            }
        });
        await AssertToldAsync(refusing, HttpStatusCode.ServiceUnavailable, HttpStatusCode.OK, "not done (SideUnavailableException)", "asked for");
        await AssertToldAsync(lost, HttpStatusCode.InternalServerError, HttpStatusCode.NotFound, "not known whether it was done (InvalidDataException)", "asked for");
        await AssertToldAsync(0, HttpStatusCode.NoContent, HttpStatusCode.NotFound, "done", "asked for");
        await AssertToldAsync(
            mute, HttpStatusCode.NoContent, HttpStatusCode.NotFound, async () => await RenameAuditAsync("strangler_audit_away", "strangler_audit"), "asked for");
        Assert.That(_world.Logs.Lines, Has.One.Contains("is in the audit trail as asked for; what came of it could not be added (NotMigratedException): done"));

        var born = await _world.CreateAsync("donations", Donation, "no-trail");
        await RenameAuditAsync("strangler_audit", "strangler_audit_away");
        Assert.That((await RemoveAsync(born.Location!.ToString(), born.Tag!)).Status, Is.Not.EqualTo(HttpStatusCode.NoContent));
        await RenameAuditAsync("strangler_audit_away", "strangler_audit");
        Assert.That((await _world.GetAsync(born.Location!.ToString())).Status, Is.EqualTo(HttpStatusCode.OK), "what cannot be told is not done");
    }

    private Task AssertToldAsync(int service, HttpStatusCode status, HttpStatusCode after, params string[] told) =>
        AssertToldAsync(service, status, after, () => Task.CompletedTask, told);

    private async Task AssertToldAsync(int service, HttpStatusCode status, HttpStatusCode after, Func<Task> then, params string[] told)
    {
        var born = await _world.CreateAsync("donations", Donation, $"told-{service}");
        var path = born.Location!.ToString();
        var removed = await _world.SendAsync("DELETE", path, null, service, "shop", ("If-Match", born.Tag!));
        await then();
        Assert.That((removed.Status, (await _world.GetAsync(path)).Status), Is.EqualTo((status, after)), removed.ToString());
        var trail = await _world.Contexts["donations"].Host.Cutover.HistoryAsync(10, CancellationToken.None);
        Assert.That(
            trail.Where(act => act.Detail.StartsWith($"donation {IdOf(born)}:", StringComparison.Ordinal)).Select(act => (act.Actor, act.Action, act.Detail)),
            Is.EqualTo(told.Select(what => ("key:shop", "remove", $"donation {IdOf(born)}: {what}"))));
    }

    private async Task RenameAuditAsync(string from, string to)
    {
        await using var connection = await _world.Contexts["donations"].LegacyDatabase.OpenAsync();
        await connection.ExecuteAsync($"RENAME TABLE {from} TO {to}");
    }

    [Test, Order(1)]
    public async Task Text_is_kept_as_it_was_sent_and_one_frontend_s_key_is_not_another_s()
    {
        var (mine, theirs) = (await _world.CreateAsync("donations", Donation, "1"), await _world.CreateAsync("donations", Donation, "1", who: "office"));
        Assert.That((mine.Status, theirs.Status), Is.EqualTo((HttpStatusCode.Created, HttpStatusCode.Created)));
        Assert.That(mine.Location, Is.Not.EqualTo(theirs.Location));
        var wanted = JsonNode.Parse(Donation)!.AsObject();
        var shown = JsonNode.Parse((await _world.GetAsync(mine.Location!.ToString())).Body)!.AsObject();
        foreach (var (name, value) in wanted)
        {
            // An account is shown whole.
            Assert.That(name == "payment" || JsonNode.DeepEquals(shown[name], value), $"{name}: {shown[name]}");
        }

        Assert.That(shown["donor"]!["name"]!["last_name"]!.GetValue<string>(), Is.EqualTo("Qxz'); DROP TABLE spenden; --<script>alert(1)</script>ä"));
        var comments = await _world.GetAsync("/v1/donations/comments?limit=1");
        Assert.That(comments.Json.GetProperty("items")[0].GetProperty("text").GetString(), Is.EqualTo("Qxz'); DROP TABLE spenden; --<script>alert(1)</script>ä"), comments.ToString());
        Assert.That(comments.Json.GetProperty("next").GetString(), Is.EqualTo("/v1/donations/comments?offset=1&limit=1"));
    }

    [Test, Order(1)]
    public async Task Lists_and_searches_find_what_was_made()
    {
        var member = await _world.CreateAsync("memberships", Membership, "a-member");
        var list = await _world.GetAsync("/v1/memberships?list=to_be_exported&limit=200");
        Assert.That(list.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetInt64()), Has.Member(IdOf(member)), list.ToString());
        Assert.That((await _world.GetAsync($"/v1/memberships?list=to_be_exported&after={IdOf(member)}")).Json.GetProperty("items").GetArrayLength(), Is.Zero);
        Assert.That((await _world.GetAsync("/v1/memberships?list=all")).Detail, Is.EqualTo("list is one of: to_be_exported, held_back."));
        var reader = await _world.CreateAsync("subscriptions", Subscription, "a-reader");
        foreach (var context in new[] { "memberships", "subscriptions" })
        {
            var similar = await _world.SendAsync("POST", $"/v1/{context}/similar", $$"""{ "email": "{{Email}}", "after": "2022-05-31T00:00:00" }""");
            Assert.That(similar.Body, Is.EqualTo("""{"count":1}"""), similar.ToString());
        }

        var found = await _world.SendAsync("POST", "/v1/subscriptions/searches", """{ "confirmation_code": "qxz-code-0001" }""");
        Assert.That((found.Body, found.Tag), Is.EqualTo((reader.Body, reader.Tag)));
        var confirmed = await _world.ChangeAsync(reader.Location!.ToString(), """{ "is_confirmed": true }""", reader.Tag);
        var hidden = await _world.ChangeAsync(reader.Location!.ToString(), """{ "is_moderated": true }""", confirmed.Tag);
        var shown = await _world.GetAsync(reader.Location!.ToString());
        Assert.That((hidden.Body, hidden.Tag), Is.EqualTo((shown.Body, shown.Tag)), "legacy shows no confirmation of what is held back, and so do we");
        Assert.That((await _world.SendAsync("POST", "/v1/subscriptions/searches", """{ "confirmation_code": "" }""")).Status, Is.EqualTo(HttpStatusCode.NotFound));
        var offer = await _world.CreateAsync("address-changes", AddressChange, "an-offer");
        var identifier = offer.Json.GetProperty("current_identifier").GetString();
        var told = await _world.ChangeAsync(offer.Location!.ToString(), $$"""{ "address": {{Address}}, "wants_receipt": false }""", offer.Tag);
        Assert.That(told.Json.GetProperty("previous_identifier").GetString(), Is.EqualTo(identifier), $"two answers of one request are one: {told}");
        foreach (var (path, body) in new[] { ("searches", $$"""{ "current_identifier": "", "previous_identifier": "{{identifier}}" }"""), ("owners/searches", """{ "owner": { "type": "donation", "id": 4711 } }""") })
        {
            var one = await _world.SendAsync("POST", $"/v1/address-changes/{path}", body);
            Assert.That((one.Status, one.Body), Is.EqualTo((HttpStatusCode.OK, told.Body)), path);
        }

        var half = await _world.ChangeAsync(told.Location?.ToString() ?? offer.Location!.ToString(), """{ "address": null }""", told.Tag);
        Assert.That(half.Json.GetProperty("address").ValueKind, Is.EqualTo(JsonValueKind.Null), half.ToString());
    }

    [Test, Order(1)]
    public async Task A_side_that_is_down_is_503_and_the_same_request_is_good_later()
    {
        var down = await _world.StartAsync((point, side) => point is HookPoint.WriteBeforeBegin
            ? throw new SideUnavailableException(side, "down on purpose", isTransient: false, new IOException(Email)) : default);
        var refused = await _world.CreateAsync("donations", Donation, "later", down);
        Assert.That((refused.Status, refused.RetryAfter), Is.EqualTo((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(1))), refused.ToString());
        Assert.That(refused.Detail, Does.Contain("has written nothing"));
        Assert.That((await _world.CreateAsync("donations", Donation, "later")).Status, Is.EqualTo(HttpStatusCode.Created));
        var only = await _world.StartAsync(null, "\"donations\"");
        Assert.That((await _world.GetAsync("/v1/subscriptions/1", only)).Detail, Does.Contain("http.repositories does not name it"));
        Assert.That((await _world.SendAsync("POST", "/v1/donations", Donation, only, "engineer", ("Idempotency-Key", "x"))).Status, Is.EqualTo(HttpStatusCode.Forbidden));
        Assert.That((await _world.CreateAsync("donations", Donation, "of-the-form", only, "form")).Status, Is.EqualTo(HttpStatusCode.Created));
        var elsewhere = await _world.SendAsync("GET", "/v1/memberships/1", null, 0, "form");
        Assert.That((elsewhere.Status, elsewhere.Detail), Is.EqualTo((HttpStatusCode.Forbidden, "key:form is for donations; this is memberships.")));
        Assert.That((await _world.GetAsync("/contexts", only)).Status, Is.EqualTo(HttpStatusCode.Forbidden), "a frontend sees nothing of the migration");
        var trail = await _world.Contexts["donations"].Host.Cutover.HistoryAsync(10, CancellationToken.None);
        Assert.That(trail.Select(act => (act.Actor, act.Action)), Has.Member(("key:engineer", "refused")));
    }

    [Test, Order(9)]
    [Category("Case5")]
    public async Task In_every_stage_the_same_requests_have_the_same_results_and_none_is_carried_out_twice()
    {
        List<(string Context, string Key, string Path, string Tag)> made = [];
        Dictionary<string, string> first = [];
        foreach (var stage in Enum.GetValues<Stage>())
        {
            await _world.MoveToAsync(stage);
            foreach (var (context, key, path, tag) in made)
            {
                var again = await _world.CreateAsync(context, Sample.Of(_samples, context).Whole, key, service: 1);
                Assert.That((again.Status, again.Location?.ToString()), Is.EqualTo((HttpStatusCode.OK, path)), $"{context} in {stage}: {again}");
                var kept = await _world.ChangeAsync(path, Sample.Of(_samples, context).Change, tag);
                Assert.That(kept.Status, Is.EqualTo(HttpStatusCode.OK), $"what was read before the flip is still good: {kept}");
            }

            made.Clear();
            foreach (var sample in _samples)
            {
                var answers = await LiveAsync(sample, stage);
                Assert.That(answers, Is.EqualTo(first.TryAdd(sample.Context, answers) ? answers : first[sample.Context]), $"{sample.Context} in {stage}");
                var key = $"kept {stage}".Replace(' ', '-');
                var kept = await _world.CreateAsync(sample.Context, sample.Whole, key);
                made.Add((sample.Context, key, kept.Location!.ToString(), kept.Tag!));
            }
        }
    }

    // All that can be done with one, from its birth to its end; what came back, without what is different each time.
    private async Task<string> LiveAsync(Sample sample, Stage stage)
    {
        var key = $"life-{stage}";
        var both = await Task.WhenAll(_world.CreateAsync(sample.Context, sample.Whole, key), _world.CreateAsync(sample.Context, sample.Whole, key, service: 1));
        Assert.That(both.Select(reply => reply.Status), Is.EquivalentTo(new[] { HttpStatusCode.Created, HttpStatusCode.OK }), $"{both[0]}\n{both[1]}");
        var born = both.Single(reply => reply.Status == HttpStatusCode.Created);
        Assert.That(both[0].Location, Is.EqualTo(both[1].Location));
        var path = born.Location!.ToString();
        var read = await _world.GetAsync(path, service: 1);
        Assert.That((read.Status, read.Body, read.Tag), Is.EqualTo((HttpStatusCode.OK, born.Body, born.Tag)), "the other replica shows what was answered");
        var head = await _world.SendAsync("HEAD", path, null);
        Assert.That((head.Status, head.Body, head.Tag), Is.EqualTo((HttpStatusCode.OK, "", born.Tag)));
        Assert.That((await _world.GetAsync(path, 0, ("If-None-Match", born.Tag!))).Status, Is.EqualTo(HttpStatusCode.NotModified));

        Assert.That((await _world.ChangeAsync(path, sample.Change, null)).Status, Is.EqualTo(HttpStatusCode.PreconditionRequired));
        var changed = await _world.ChangeAsync(path, sample.Change, born.Tag, 1, ("Idempotency-Key", $"change-{stage}"));
        Assert.That(changed.Status, Is.EqualTo(HttpStatusCode.OK), changed.ToString());
        Assert.That((await _world.ChangeAsync(path, sample.Change, born.Tag)).Status, Is.EqualTo(HttpStatusCode.PreconditionFailed));
        var again = await _world.ChangeAsync(path, sample.Change, born.Tag, 0, ("Idempotency-Key", $"change-{stage}"));
        Assert.That((again.Status, again.Body), Is.EqualTo((HttpStatusCode.OK, changed.Body)), "the same request, sent again");

        var race = await Task.WhenAll(Enumerable.Range(0, 2).Select(service => _world.ChangeAsync(path, sample.Other, changed.Tag, service)));
        Assert.That(race.Select(reply => reply.Status), Is.EquivalentTo(new[] { HttpStatusCode.OK, HttpStatusCode.PreconditionFailed }), $"{race[0]}\n{race[1]}");
        var won = race.Single(reply => reply.Status == HttpStatusCode.OK);
        Assert.That((await _world.GetAsync(path)).Body, Is.EqualTo(won.Body));
        await AssertRowsAsync(sample.Context, stage);

        Assert.That((await _world.SendAsync("DELETE", path, null)).Status, Is.EqualTo(HttpStatusCode.PreconditionRequired));
        Assert.That((await RemoveAsync(path, changed.Tag!)).Status, Is.EqualTo(HttpStatusCode.PreconditionFailed));
        Assert.That((await RemoveAsync(path, won.Tag!)).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await RemoveAsync(path, won.Tag!)).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await _world.GetAsync(path, service: 1)).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await _world.CreateAsync(sample.Context, sample.Whole, key)).Status, Is.EqualTo(HttpStatusCode.Gone));
        return $"{Lasting(born)}\n{Lasting(changed)}\n{Lasting(won)}";
    }

    // Both sides hold the same, and nothing was made twice.
    private async Task AssertRowsAsync(string context, Stage stage)
    {
        if (Stages.IsDual(stage))
        {
            var report = await _world.Contexts[context].ReconcileAsync();
            Assert.That(report.Outcome, Is.EqualTo(Strangler.Reconciliation.ReconciliationOutcome.Clean), context);
        }
    }

    private async Task<long> RowsAsync()
    {
        await using var connection = await _world.Contexts["donations"].LegacyDatabase.OpenAsync();
        return await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM spenden");
    }

    private static long IdOf(Reply reply) => reply.Json.GetProperty("id").GetInt64();

    private Task<Reply> RemoveAsync(string path, string tag) => _world.SendAsync("DELETE", path, null, 0, "shop", ("If-Match", tag));

    private static string Lasting(Reply reply)
    {
        var members = JsonNode.Parse(reply.Body)!.AsObject();
        foreach (var name in _worn)
        {
            members.Remove(name);
        }

        return members.ToJsonString();
    }

    private sealed record Sample(string Context, string Whole, string Change, string Other)
    {
        public static Sample Of(IEnumerable<Sample> samples, string context) => samples.First(sample => sample.Context == context);
    }
}
