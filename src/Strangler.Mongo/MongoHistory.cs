using System.Globalization;
using System.Text.Json;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Mongo.Bson;
using Strangler.Reconciliation;

namespace Strangler.Mongo;

internal sealed class MongoReconciliationHistory(MongoSide side) : IReconciliationHistory
{
    private static readonly BsonDocument NewestFirst = BsonDocument.Of(("_id", -1));

    public async Task<long> BeginAsync(bool full, string scope, CancellationToken cancellationToken)
    {
        var id = await side.NumberAsync(Names.Reconciliation, cancellationToken).ConfigureAwait(false);
        var change = BsonDocument.Of(
            ("$setOnInsert", BsonDocument.Of(
                ("context", side.Context), ("is_full", full), ("scope", Texts.Cut(scope, 1000)), ("outcome", ""), ("report", ""))),
            ("$currentDate", BsonDocument.Of(("began_at", true))));
        await side.UpdateAsync(Names.Reconciliation, new(Keys.Filter(id), change, Upsert: true), cancellationToken).ConfigureAwait(false);
        return id;
    }

    // What a list shows is kept beside the report, which may have megabytes. The report first: a run that has ended has one.
    public async Task EndAsync(long id, string outcome, string report, CancellationToken cancellationToken)
    {
        var (inline, parts) = await side.UseAsync(
            null, (session, token) => LongTexts.WriteAsync(session, LongTexts.Report, id, report, token), cancellationToken).ConfigureAwait(false);
        var set = BsonDocument.Of(("outcome", outcome), ("report", inline), ("report_parts", parts));
        if (report.Length > 0)
        {
            using var json = JsonDocument.Parse(report);
            set = json.RootElement.TryGetProperty("counts", out var counts) ? set.With("counts", counts.GetRawText()) : set;
            set = json.RootElement.TryGetProperty("signed_off", out var signed) && signed.TryGetInt64(out var number) ? set.With("signed_off", number) : set;
        }

        var change = BsonDocument.Of(("$set", set), ("$currentDate", BsonDocument.Of(("ended_at", true))));
        await side.UpdateAsync(Names.Reconciliation, new(Keys.Filter(id).With("context", side.Context), change), cancellationToken).ConfigureAwait(false);
    }

    public async Task<ReconciliationRun?> FindAsync(long id, CancellationToken cancellationToken) =>
        (await RunsAsync(Keys.Filter(id).With("context", side.Context), 1, cancellationToken).ConfigureAwait(false)).SingleOrDefault();

    public Task<IReadOnlyList<ReconciliationRun>> ListAsync(int limit, CancellationToken cancellationToken) => RunsAsync(Ours(), limit, cancellationToken);

    public async Task<IReadOnlyList<RunSummary>> SummariesAsync(int limit, CancellationToken cancellationToken) =>
        (await side.FindAsync(
            Names.Reconciliation, Ours(), cancellationToken, sort: NewestFirst, limit: limit, fields: BsonDocument.Of(("report", 0))).ConfigureAwait(false))
            .ConvertAll(run => new RunSummary(
                run.Number("_id"), run.Utc("began_at"), run.UtcOrNull("ended_at"), run.Flag("is_full"), run.Text("outcome"), run.Text("scope"),
                RunSummary.CountsOf(run.TextOrNull("counts")))
            {
                SignedOff = run.Number("signed_off"),
            });

    public async Task<IReadOnlyList<ReconciliationRun>> MentioningAsync(long id, int limit, CancellationToken cancellationToken)
    {
        var number = id.ToString(CultureInfo.InvariantCulture);
        return [.. (await ListAsync(limit, cancellationToken).ConfigureAwait(false))
            .Where(run => run.EndedUtc is not null && run.Report.Contains(number, StringComparison.Ordinal))];
    }

    public async Task<DateTime?> LastDisturbanceUtcAsync(CancellationToken cancellationToken) =>
        (await side.FirstAsync(Names.Disturbance, Ours(), cancellationToken, sort: BsonDocument.Of(("at", -1))).ConfigureAwait(false))?.UtcOrNull("at");

    public Task DisturbAsync(string what, CancellationToken cancellationToken) => side.UpdateAsync(
        Names.Disturbance,
        new(
            Keys.Filter(ObjectId.NewId(side.Options.Time)),
            BsonDocument.Of(
                ("$setOnInsert", BsonDocument.Of(("context", side.Context), ("what", Texts.Cut(what, 1000)))), ("$currentDate", BsonDocument.Of(("at", true)))),
            Upsert: true),
        cancellationToken);

    public Task<DateTime> UtcNowAsync(CancellationToken cancellationToken) => side.NowAsync(null, cancellationToken);

    private Task<IReadOnlyList<ReconciliationRun>> RunsAsync(BsonDocument filter, int limit, CancellationToken cancellationToken) => side.ReadAsync(
        null,
        async (session, token) =>
        {
            List<ReconciliationRun> runs = [];
            foreach (var run in await session.FindAsync(Names.Reconciliation, filter, token, NewestFirst, limit).ConfigureAwait(false))
            {
                var id = run.Number("_id");
                var report = await LongTexts.ReadAsync(
                    session, LongTexts.Report, id, run.Text("report"), run.Number("report_parts"), token).ConfigureAwait(false);
                runs.Add(new ReconciliationRun(id, run.Utc("began_at"), run.UtcOrNull("ended_at"), run.Flag("is_full"), run.Text("outcome"), report));
            }

            return (IReadOnlyList<ReconciliationRun>)runs;
        },
        cancellationToken);

    private BsonDocument Ours() => BsonDocument.Of(("context", side.Context));
}

internal sealed class MongoShadowLog(MongoSide side) : IShadowLog
{
    public Task AddAsync(long epoch, long reads, IReadOnlyList<ShadowMismatch> mismatches, CancellationToken cancellationToken) => side.InTransactionAsync(
        true,
        async (session, token) =>
        {
            var counts = BsonDocument.Of(("shadow_reads", reads), ("mismatches", (long)mismatches.Count));
            await session.UpdateAsync(Names.Shadow, [new(Keys.Filter(Id(epoch)), BsonDocument.Of(("$inc", counts)), Upsert: true)], true, token).ConfigureAwait(false);
            return await session.UpdateAsync(
                Names.ShadowMismatch,
                [.. mismatches.Select(mismatch => new MongoUpdate(
                    Keys.Filter(Id(epoch).With("key", mismatch.Id)),
                    BsonDocument.Of(
                        ("$set", BsonDocument.Of(("fields", Texts.Cut(string.Join(',', mismatch.Fields), 4000)))), ("$inc", BsonDocument.Of(("hits", 1L))),
                        ("$currentDate", BsonDocument.Of(("last_at", true)))),
                    Upsert: true))],
                true, token).ConfigureAwait(false);
        },
        cancellationToken);

    public async Task<(long Reads, long Mismatches)> CountAsync(long epoch, CancellationToken cancellationToken) =>
        await side.FirstAsync(Names.Shadow, Keys.Filter(Id(epoch)), cancellationToken).ConfigureAwait(false) is { } counts
            ? (counts.Number("shadow_reads"), counts.Number("mismatches"))
            : (0, 0);

    private BsonDocument Id(long epoch) => BsonDocument.Of(("context", side.Context), ("epoch", epoch));
}

internal sealed class MongoAudit(MongoSide side) : IAudit
{
    public SideName Side => side.Name;

    public async Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken)
    {
        var id = await side.NumberAsync(Names.Audit, cancellationToken).ConfigureAwait(false);
        var change = BsonDocument.Of(
            ("$setOnInsert", BsonDocument.Of(
                ("context", side.Context), ("actor", Texts.Cut(entry.Actor, 190)), ("action", Texts.Cut(entry.Action, 64)), ("from_stage", entry.From),
                ("to_stage", entry.To), ("epoch", entry.Epoch), ("forced", entry.Forced), ("reason", entry.Reason), ("detail", entry.Detail))),
            ("$currentDate", BsonDocument.Of(("at", true))));
        await side.UpdateAsync(Names.Audit, new(Keys.Filter(id), change, Upsert: true), cancellationToken).ConfigureAwait(false);
    }

    public async Task<IReadOnlyList<AuditEntry>> ListAsync(int limit, CancellationToken cancellationToken) =>
        (await side.FindAsync(
            Names.Audit, BsonDocument.Of(("context", side.Context)), cancellationToken, sort: BsonDocument.Of(("_id", -1)), limit: limit).ConfigureAwait(false))
            .ConvertAll(Read);

    public async Task<IReadOnlyList<AuditEntry>> OfEpochAsync(long epoch, TimeSpan within, CancellationToken cancellationToken)
    {
        var from = await side.NowAsync(null, cancellationToken).ConfigureAwait(false) - within;
        var entries = await side.FindAsync(
            Names.Audit, BsonDocument.Of(("context", side.Context), ("epoch", epoch)), cancellationToken, sort: BsonDocument.Of(("_id", -1))).ConfigureAwait(false);
        return [.. entries.Select(Read).Where(entry => entry.AtUtc > from)];
    }

    private static AuditEntry Read(BsonDocument entry) => new(
        entry.Utc("at"), entry.Text("actor"), entry.Text("action"), entry.Text("from_stage"), entry.Text("to_stage"), entry.Number("epoch"),
        entry.Flag("forced"), entry.Text("reason"), entry.Text("detail"));
}
