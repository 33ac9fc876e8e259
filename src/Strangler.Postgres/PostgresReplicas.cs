using Strangler.Cutover;
using Strangler.DualWrite;

namespace Strangler.Postgres;

internal sealed class PostgresReplicas(PostgresSide side) : IReplicas
{
    public Task BeatAsync(string name, string build, Stage newestKnownStage, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_replica (context, name, build, newest_known_stage, seen)
                VALUES ({side.Context}, {Texts.Cut(name, 190)}, {Texts.Cut(build, 190)}, {newestKnownStage.ToString()}, statement_timestamp())
                ON CONFLICT (context, name) DO UPDATE SET build = EXCLUDED.build, newest_known_stage = EXCLUDED.newest_known_stage, seen = EXCLUDED.seen
                """),
            cancellationToken,
            background: true);

    /// <summary>A stage that this build does not know is newer than all it knows.</summary>
    public async Task<IReadOnlyList<Replica>> LiveAsync(TimeSpan within, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT name, build, newest_known_stage, seen FROM strangler_replica
                WHERE context = {side.Context} AND seen > statement_timestamp() - {Times.Whole(within)} ORDER BY name
                """),
            reader => new Replica(
                reader.GetString(0), reader.GetString(1), Enum.TryParse<Stage>(reader.GetString(2), out var stage) ? stage : Stage.NewOnly, Times.Utc(reader, 3)),
            cancellationToken).ConfigureAwait(false);

    public Task LeaveAsync(string name, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"DELETE FROM strangler_replica WHERE context = {side.Context} AND name = {Texts.Cut(name, 190)}"), cancellationToken);
}
