using System.Collections.Frozen;
using System.Data.Common;

namespace Strangler.LegacyData.Subscriptions;

/// <summary>What <see cref="LegacySubscriptionGenerator"/> makes. The same options give the same rows, always and everywhere.</summary>
public sealed record LegacySubscriptionOptions
{
    /// <summary>Above 0, default 5,000. From 300 on every kind occurs.</summary>
    public int Rows { get; init; } = 5_000;

    public int Seed { get; init; } = 1;

    /// <summary>Whether a few rows of every 300 are damaged so that nobody can read them. Default true.</summary>
    public bool IncludeUnreadable { get; init; } = true;

    /// <summary>How many rows one INSERT carries. 1 to 2,000, default 250.</summary>
    public int RowsPerInsert { get; init; } = 250;

    internal LegacySubscriptionOptions Validated()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Rows, 100_000_000);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(RowsPerInsert);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RowsPerInsert, 2000);
        return this;
    }
}

/// <summary>A made-up table of subscriptions with everything that the real one may hold. Every 300 rows each rare kind comes along once.</summary>
public sealed class LegacySubscriptionGenerator(LegacySubscriptionOptions options)
{
    private const int RareEvery = 300;

    private static readonly DateTime _firstDay = new(2011, 1, 3);
    private static readonly DateTime _lastDay = new(2022, 4, 21);

    private readonly LegacySubscriptionOptions _options = options.Validated();

    /// <summary>Damaged rows; see <see cref="LegacySubscriptionOptions.IncludeUnreadable"/>.</summary>
    public static IReadOnlySet<string> UnreadableKinds { get; } =
        SubscriptionScenes.Unreadable.Select(scene => scene.Kind).ToFrozenSet();

    /// <summary>The names of the states and oddities that the rows show, <see cref="UnreadableKinds"/> included.</summary>
    public static IReadOnlySet<string> Kinds { get; } =
        SubscriptionScenes.Common.Select(entry => entry.Scene.Kind)
            .Concat(SubscriptionScenes.Rare.Select(scene => scene.Kind))
            .Concat(UnreadableKinds)
            .Concat(["status-0", "status-1", "status-2", "status-null", "code-none", "code-bytes", "code-text", "exported", "not-exported"])
            .Concat(["backed-up", "not-backed-up"])
            .ToFrozenSet();

    /// <summary>The rows, in the order of their ids; made one after the other, so memory stays small.</summary>
    public IEnumerable<LegacySubscription> Generate()
    {
        var dice = new Dice((ulong)(uint)_options.Seed ^ 0x5B5C21B);
        var (id, count) = (0, 0);
        foreach (var scene in Schedule().Play(dice))
        {
            foreach (var draft in scene.Play(Next))
            {
                yield return draft.Finish(scene.Kind);
                if (++count == _options.Rows)
                {
                    yield break;
                }
            }
        }

        SubscriptionDraft Next(DateTime? at)
        {
            var days = (_lastDay - _firstDay).TotalDays * count / _options.Rows;
            return new SubscriptionDraft(
                dice, id += dice.Chance(90) ? 1 : dice.Between(2, 7), at ?? _firstDay.AddDays((int)days).AddSeconds(dice.Next(80_000)));
        }
    }

    /// <summary>Creates nothing but rows: the table must be there (<see cref="LegacySubscriptionSchema"/>). Reports the rows written so far.</summary>
    public async Task WriteAsync(
        Func<CancellationToken, Task<DbConnection>> connectionFactory,
        IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        using var connection = await connectionFactory(cancellationToken).ConfigureAwait(false);
        await RowInserter.PrepareAsync(connection, cancellationToken).ConfigureAwait(false);
        var written = 0;
        foreach (var batch in Generate().Chunk(_options.RowsPerInsert))
        {
            using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await RowInserter.InsertAsync(
                transaction, "subscription", LegacySubscription.ColumnNames, batch, row => row.Values, cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            written += batch.Length;
            progress?.Report(written);
        }
    }

    private SceneSchedule<SubscriptionScene> Schedule() =>
        new(SubscriptionScenes.Common, [.. SubscriptionScenes.Rare, .. _options.IncludeUnreadable ? SubscriptionScenes.Unreadable : []], RareEvery);
}
