using Strangler.Mongo.Bson;
using Strangler.Reconciliation;

namespace Strangler.Mongo;

/// <summary>One document a schedule, and one conditional update gives an occurrence away.</summary>
internal sealed class MongoSchedules(MongoSide side) : ISchedules
{
    private const int NameLength = 190;

    public Task SayAsync(string name, DateTime? nextUtc, string replica, CancellationToken cancellationToken)
    {
        var set = BsonDocument.Of(("seen_by", Texts.Cut(replica, NameLength)));
        var change = BsonDocument.Of(
            ("$set", nextUtc is { } next ? set.With("next_at", Times.Of(next)) : set),
            ("$setOnInsert", BsonDocument.Of(("taken_by", ""), ("run_id", 0L), ("outcome", ""))), ("$currentDate", BsonDocument.Of(("seen_at", true))));
        change = nextUtc is null ? change.With("$unset", BsonDocument.Of(("next_at", ""))) : change;
        return side.UpdateAsync(Names.Schedule, new(Id(name), change, Upsert: true), cancellationToken, background: true);
    }

    public async Task<bool> TakeAsync(string name, DateTime dueUtc, string replica, CancellationToken cancellationToken)
    {
        var isUntaken = Id(name).With("$or", BsonArray.Of(
            BsonDocument.Of(("due_at", BsonDocument.Of(("$exists", false)))), BsonDocument.Of(("due_at", BsonDocument.Of(("$lt", Times.Of(dueUtc)))))));
        var take = BsonDocument.Of(("due_at", Times.Of(dueUtc)), ("taken_by", Texts.Cut(replica, NameLength)), ("run_id", 0L), ("outcome", ""));
        return await side.UpdateAsync(Names.Schedule, new(isUntaken, BsonDocument.Of(("$set", take))), cancellationToken, background: true)
            .ConfigureAwait(false) == 1;
    }

    public Task EndAsync(string name, DateTime dueUtc, long runId, string outcome, CancellationToken cancellationToken) => side.UpdateAsync(
        Names.Schedule,
        new(
            Id(name).With("due_at", Times.Of(dueUtc)),
            BsonDocument.Of(("$set", BsonDocument.Of(("run_id", runId), ("outcome", Texts.Cut(outcome, 1000)))))),
        cancellationToken, background: true);

    public async Task<IReadOnlyList<ScheduleState>> ListAsync(CancellationToken cancellationToken) =>
        (await side.FindAsync(
            Names.Schedule, BsonDocument.Of(("_id.context", side.Context)), cancellationToken, true, BsonDocument.Of(("_id", 1))).ConfigureAwait(false))
            .ConvertAll(found => new ScheduleState(
                found.At("_id.name").AsString, found.UtcOrNull("next_at"), found.Utc("seen_at"), found.Text("seen_by"), found.UtcOrNull("due_at"),
                found.Text("taken_by"), found.Number("run_id"), found.Text("outcome")));

    private BsonDocument Id(string name) => Keys.Filter(BsonDocument.Of(("context", side.Context), ("name", Texts.Cut(name, NameLength))));
}
