using System.Globalization;
using Npgsql;
using Strangler.DualWrite;

namespace Strangler.Postgres;

internal static class Texts
{
    /// <summary>At most so many UTF-16 units, no half of a pair at the end, and no character 0, which no text of the server can hold.</summary>
    public static string Cut(string text, int length)
    {
        var cut = text.Length <= length ? text : text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];
        return cut.Contains('\0', StringComparison.Ordinal) ? cut.Replace('\0', '\uFFFD') : cut;
    }
}

/// <summary>Times of the side tables: TIMESTAMP WITH TIME ZONE, so that no session's zone matters.</summary>
internal static class Times
{
    public static DateTime Utc(NpgsqlDataReader reader, int ordinal) => reader.GetFieldValue<DateTime>(ordinal);

    public static DateTime? UtcOrNull(NpgsqlDataReader reader, int ordinal) => reader.IsDBNull(ordinal) ? null : Utc(reader, ordinal);

    /// <summary>As the server keeps it, in whole microseconds.</summary>
    public static DateTime? Stored(DateTime? utc) =>
        utc is { } moment ? DateTime.SpecifyKind(moment, DateTimeKind.Utc).AddTicks(-(moment.Ticks % TimeSpan.TicksPerMicrosecond)) : null;

    /// <summary>An interval.</summary>
    public static TimeSpan Whole(TimeSpan time) => TimeSpan.FromTicks(time.Ticks - (time.Ticks % TimeSpan.TicksPerMicrosecond));

    public static async Task<DateTime> UtcNowAsync(PostgresSide side, CancellationToken cancellationToken) =>
        await side.FirstAsync(new Batch().Add($"SELECT statement_timestamp()"), reader => Utc(reader, 0), cancellationToken).ConfigureAwait(false);
}

internal static class Lists
{
    /// <summary><c> (1, 2, 3)</c>: integers of ours need no parameter.</summary>
    public static Batch In(Batch batch, IEnumerable<long> ids) =>
        batch.Raw($" ({string.Join(',', ids.Select(id => id.ToString(CultureInfo.InvariantCulture)))})");
}

/// <summary>The fence row as columns of a select.</summary>
internal static class FenceSql
{
    public const int Width = 5;

    public static readonly Sql Columns = new("f.role, f.stage, f.epoch, f.dual_epoch, f.deadline");

    /// <summary>The row as one text, asked for by a subselect: the server makes it once, however many rows it stands beside; NULL where there is none.</summary>
    public static readonly Sql Packed = new("ROW(f.role, f.stage, f.epoch, f.dual_epoch, extract(epoch FROM f.deadline))::text");

    /// <summary>Where writes must be journalled and entity rows are kept: everywhere but on a side that leads alone.</summary>
    public static readonly Sql IsDual = new("NOT (f.role IN ('lead', 'switching') AND f.stage IN ('LegacyOnly', 'NewOnly'))");

    public static string Of(FenceRole role) => role.ToString().ToLowerInvariant();

    /// <exception cref="SideUnavailableException">A newer program wrote a role or stage that this build does not know; nothing is
    /// guessed.</exception>
    public static FenceRow Read(NpgsqlDataReader reader, int ordinal, SideName side)
    {
        var (role, stage) = Known(reader.GetString(ordinal), reader.GetString(ordinal + 1), side);
        return new FenceRow(role, stage, reader.GetInt64(ordinal + 2), reader.GetInt64(ordinal + 3), Times.UtcOrNull(reader, ordinal + 4));
    }

    /// <summary>What <see cref="Packed"/> says: <c>(lead,NewOnly,7,2,)</c>, with the deadline in seconds since 1970.</summary>
    /// <inheritdoc cref="Read"/>
    public static FenceRow Unpack(string packed, SideName side)
    {
        var parts = packed[1..^1].Split(',');
        var (role, stage) = Known(parts[0], parts[1], side);
        var seconds = parts[4].Length == 0 ? (decimal?)null : decimal.Parse(parts[4], CultureInfo.InvariantCulture);
        return new FenceRow(
            role, stage, long.Parse(parts[2], CultureInfo.InvariantCulture), long.Parse(parts[3], CultureInfo.InvariantCulture),
            seconds is { } since ? DateTime.UnixEpoch.AddTicks((long)(since * TimeSpan.TicksPerSecond)) : null);
    }

    /// <summary>The fence of the reader's present result.</summary>
    public static async Task<FenceRow> ReadAsync(NpgsqlDataReader reader, PostgresSide side, CancellationToken cancellationToken) =>
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? Read(reader, 0, side.Name) : throw side.NotMigrated();

    private static (FenceRole Role, Stage Stage) Known(string role, string stage, SideName side) =>
        Enum.TryParse<FenceRole>(role, ignoreCase: true, out var knownRole) && Enum.IsDefined(knownRole)
        && Enum.TryParse<Stage>(stage, out var knownStage) && Enum.IsDefined(knownStage)
            ? (knownRole, knownStage)
            : throw new SideUnavailableException(
                side, $"its fence says {role}/{stage}, which this build does not know; deploy the newer build.", false, new FormatException(stage));
}

/// <summary>The entity row as columns of a select.</summary>
internal static class EntitySql
{
    public const int Width = 5;

    public static readonly Sql Columns = new("e.epoch, e.counter, e.foreign_seq, e.tombstone, e.field_hashes");

    /// <summary>Null when the (left-joined) row is missing, or only there to be locked.</summary>
    public static EntityState? Read(NpgsqlDataReader reader, int ordinal) =>
        reader.IsDBNull(ordinal) || IsPlaceholder(reader, ordinal)
            ? null
            : new EntityState(
                new EntityVersion(reader.GetInt64(ordinal), reader.GetInt64(ordinal + 1)),
                reader.GetInt64(ordinal + 2),
                reader.GetBoolean(ordinal + 3),
                reader.GetFieldValue<byte[]>(ordinal + 4));

    /// <summary>Made by a transaction's beginning as something to lock; never outlives it.</summary>
    public static bool IsPlaceholder(NpgsqlDataReader reader, int ordinal) =>
        !reader.IsDBNull(ordinal) && reader.GetInt64(ordinal) == 0 && reader.GetInt64(ordinal + 2) == 0;

    // A write of the new side's own (its hashes are signed) over an accepted state keeps that state's hashes.
    private static readonly Sql IsKept = new("octet_length(EXCLUDED.field_hashes) % 8 = 7 AND octet_length(e.field_hashes) % 8 <> 7");

    public static void Upsert(Batch batch, string context, EntityKey key, EntityState state)
    {
        batch.Add($"""
            INSERT INTO strangler_entity AS e (context, kind, key, epoch, counter, foreign_seq, tombstone, field_hashes, writer, changed_at)
            VALUES ({context}, {key.Kind}, {key.Id}, {state.Version.Epoch}, {state.Version.Counter}, {state.ForeignSeq}, {state.Tombstone},
                {state.FieldHashes}, {Texts.Cut(state.Writer, 190)}, statement_timestamp())
            ON CONFLICT (context, kind, key) DO UPDATE SET
                base_epoch = CASE WHEN {IsKept} THEN e.epoch ELSE e.base_epoch END,
                base_counter = CASE WHEN {IsKept} THEN e.counter ELSE e.base_counter END,
                base_hashes = CASE WHEN {IsKept} THEN e.field_hashes ELSE e.base_hashes END,
                epoch = EXCLUDED.epoch, counter = EXCLUDED.counter, foreign_seq = EXCLUDED.foreign_seq, tombstone = EXCLUDED.tombstone,
                field_hashes = EXCLUDED.field_hashes, writer = EXCLUDED.writer, changed_at = EXCLUDED.changed_at
            """);
        if (state.Base is { } agreed)
        {
            batch.Add($"""
                UPDATE strangler_entity SET base_epoch = {agreed.Version.Epoch}, base_counter = {agreed.Version.Counter}, base_hashes = {agreed.Hashes}
                WHERE context = {context} AND kind = {key.Kind} AND key = {key.Id}
                """);
        }
    }
}
