using System.Collections.Frozen;
using System.Data.Common;

namespace Strangler.LegacyData.Memberships;

/// <summary>What <see cref="LegacyMembershipGenerator"/> makes. The same options give the same rows, always and everywhere.</summary>
public sealed record LegacyMembershipOptions
{
    /// <summary>Above 0, default 5,000. From 600 on every kind occurs.</summary>
    public int Rows { get; init; } = 5_000;

    public int Seed { get; init; } = 1;

    /// <summary>Whether a few rows of every 600 are damaged so that nobody can read them. Default true.</summary>
    public bool IncludeUnreadable { get; init; } = true;

    /// <summary>How many rows one INSERT carries. 1 to 1,000, default 250.</summary>
    public int RowsPerInsert { get; init; } = 250;

    internal LegacyMembershipOptions Validated()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Rows, 100_000_000);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(RowsPerInsert);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RowsPerInsert, 1000);
        return this;
    }
}

/// <summary>
/// Made-up applications for membership with everything that the real tables may hold. Every 600 rows each rare kind comes along once.
/// </summary>
public sealed class LegacyMembershipGenerator(LegacyMembershipOptions options)
{
    private const int RareEvery = 600;

    private static readonly DateTime _firstDay = new(2011, 1, 3);
    private static readonly DateTime _lastDay = new(2023, 11, 21);

    private readonly LegacyMembershipOptions _options = options.Validated();

    /// <summary>Damaged rows; see <see cref="LegacyMembershipOptions.IncludeUnreadable"/>.</summary>
    public static IReadOnlySet<string> UnreadableKinds { get; } = MembershipScenes.Unreadable.Select(scene => scene.Kind).ToFrozenSet();

    /// <summary>The names of the states and oddities that the rows show, <see cref="UnreadableKinds"/> included.</summary>
    public static IReadOnlySet<string> Kinds { get; } =
        MembershipScenes.Common.Select(entry => entry.Scene.Kind)
            .Concat(MembershipScenes.Rare.Select(scene => scene.Kind))
            .Concat(UnreadableKinds)
            .Concat(["status-null", "company", "person", "payment-BEZ", "payment-PPL", "exported", "not-exported", "backed-up", "not-backed-up"])
            .Concat(["receipt-unknown", "receipt-no", "receipt-yes", "incentives-0", "incentives-1", "incentives-2", "reasons", "no-reasons"])
            .Concat(["tokens-in-table", "no-tokens-in-table"])
            .Concat(Enumerable.Range(-15, 17).Select(status => FormattableString.Invariant($"status-{status}")))
            .ToFrozenSet();

    /// <summary>The rows, in the order of their ids; made one after the other, so memory stays small.</summary>
    public IEnumerable<LegacyMembership> Generate()
    {
        var dice = new Dice((ulong)(uint)_options.Seed ^ 0x3E3BE25);
        var (id, count) = (0, 0);
        foreach (var scene in Schedule().Play(dice).Take(_options.Rows))
        {
            var days = (_lastDay - _firstDay).TotalDays * count++ / _options.Rows;
            var when = scene.Year is { } year ? new DateTime(year, 9, 17, 11, 42, 2) : _firstDay.AddDays((int)days).AddSeconds(dice.Next(80_000));
            yield return scene.Make(new MembershipDraft(dice, id += dice.Chance(90) ? 1 : dice.Between(2, 7), when).Plain()).Finish(scene.Kind);
        }
    }

    /// <summary>
    /// Creates nothing but rows: the tables must be there (<see cref="LegacyMembershipSchema"/>) and empty, but for tokens of others.
    /// Reports the rows
    /// written so far.
    /// </summary>
    public async Task WriteAsync(
        Func<CancellationToken, Task<DbConnection>> connectionFactory,
        IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        using var connection = await connectionFactory(cancellationToken).ConfigureAwait(false);
        await RowInserter.PrepareAsync(connection, cancellationToken).ConfigureAwait(false);
        await WriteSharedAsync(connection, cancellationToken).ConfigureAwait(false);
        var written = 0;
        foreach (var batch in Generate().Chunk(_options.RowsPerInsert))
        {
            using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await WriteAsync(transaction, batch, cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            written += batch.Length;
            progress?.Report(written);
        }
    }

    private static async Task WriteSharedAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await RowInserter.InsertAsync(
            transaction, "incentive", ["id", "name"], [.. LegacyMembership.SharedIncentives], row => [row.Id, row.Name], cancellationToken)
            .ConfigureAwait(false);
        await RowInserter.InsertAsync(
            transaction, "membership_moderation_reason", ["id", "moderation_identifier", "source"], [.. LegacyMembership.SharedReasons],
            row => [row.Id, row.Identifier, row.Source], cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task WriteAsync(DbTransaction transaction, LegacyMembership[] batch, CancellationToken cancellationToken)
    {
        await RowInserter.InsertAsync(transaction, "request", LegacyMembership.ColumnNames, batch, row => row.Values, cancellationToken)
            .ConfigureAwait(false);
        await RowInserter.InsertAsync(
            transaction, "membership_incentive", ["membership_id", "incentive_id"],
            [.. batch.SelectMany(row => row.Incentives.Select(incentive => (row.Id, incentive)))], pair => [pair.Id, pair.incentive], cancellationToken)
            .ConfigureAwait(false);
        await RowInserter.InsertAsync(
            transaction, "memberships_moderation_reasons", ["membership_id", "moderation_reason_id"],
            [.. batch.SelectMany(row => row.Reasons.Select(reason => (row.Id, reason)))], pair => [pair.Id, pair.reason], cancellationToken)
            .ConfigureAwait(false);
        await RowInserter.InsertAsync(
            transaction, "legacy_auth_tokens", ["id", "authentication_context", "access_token", "update_token", "update_token_expiry"],
            [.. batch.Where(row => row.Tokens is not null)], row => [row.Id, "M", row.Tokens!.Access, row.Tokens.Update, row.Tokens.Expires], cancellationToken)
            .ConfigureAwait(false);
    }

    private SceneSchedule<MembershipScene> Schedule() =>
        new(MembershipScenes.Common, [.. MembershipScenes.Rare, .. _options.IncludeUnreadable ? MembershipScenes.Unreadable : []], RareEvery, spare: 0);
}
