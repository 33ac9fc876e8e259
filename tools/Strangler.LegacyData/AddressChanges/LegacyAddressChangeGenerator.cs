using System.Collections.Frozen;
using System.Data.Common;

namespace Strangler.LegacyData.AddressChanges;

/// <summary>What <see cref="LegacyAddressChangeGenerator"/> makes. The same options give the same rows, always and everywhere.</summary>
public sealed record LegacyAddressChangeOptions
{
    /// <summary>Above 0, default 5,000. From 300 on every kind occurs.</summary>
    public int Rows { get; init; } = 5_000;

    public int Seed { get; init; } = 1;

    /// <summary>Whether a few rows of every 300 are damaged so that nobody can read them. Default true.</summary>
    public bool IncludeUnreadable { get; init; } = true;

    /// <summary>Addresses to which nothing refers, 0 or more. Default 7.</summary>
    public int UnreferencedAddresses { get; init; } = 7;

    /// <summary>How many rows one INSERT carries. 1 to 2,000, default 250.</summary>
    public int RowsPerInsert { get; init; } = 250;

    internal LegacyAddressChangeOptions Validated()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Rows, 100_000_000);
        ArgumentOutOfRangeException.ThrowIfNegative(UnreferencedAddresses);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(RowsPerInsert);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RowsPerInsert, 2000);
        return this;
    }
}

/// <summary>Made-up tables of address changes with everything that the real ones may hold. Every 300 rows each rare kind comes along once.</summary>
public sealed class LegacyAddressChangeGenerator(LegacyAddressChangeOptions options)
{
    private const int RareEvery = 300;

    private static readonly DateTime _firstDay = new(2018, 6, 12);
    private static readonly DateTime _lastDay = new(2024, 11, 1);

    private readonly LegacyAddressChangeOptions _options = options.Validated();

    /// <summary>Damaged rows; see <see cref="LegacyAddressChangeOptions.IncludeUnreadable"/>.</summary>
    public static IReadOnlySet<string> UnreadableKinds { get; } = AddressChangeScenes.Unreadable.Select(scene => scene.Kind).ToFrozenSet();

    /// <summary>The names of the states and oddities that the rows show, <see cref="UnreadableKinds"/> included.</summary>
    public static IReadOnlySet<string> Kinds { get; } =
        AddressChangeScenes.Common.Select(entry => entry.Scene.Kind)
            .Concat(AddressChangeScenes.Rare.Select(scene => scene.Kind))
            .Concat(UnreadableKinds)
            .Concat(["of-donation", "of-membership", "of-nothing", "type-person", "type-company", "type-none"])
            .Concat(["no-data", "used-not-exported", "used-exported", "receipt", "no-receipt"])
            .ToFrozenSet();

    /// <summary>The rows, in the order of their ids; made one after the other, so memory stays small.</summary>
    public IEnumerable<LegacyAddressChange> Generate()
    {
        var dice = new Dice((ulong)(uint)_options.Seed ^ 0xADD2E55);
        var (id, address, count) = (0, 500, 0);
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

        AddressChangeDraft Next(DateTime? at)
        {
            var days = (_lastDay - _firstDay).TotalDays * count / _options.Rows;
            address += dice.Between(1, 3);
            return new AddressChangeDraft(
                dice, id += dice.Chance(90) ? 1 : dice.Between(2, 7), address, at ?? _firstDay.AddDays((int)days).AddSeconds(dice.Next(80_000)));
        }
    }

    /// <summary>Creates nothing but rows: the tables must be there (<see cref="LegacyAddressChangeSchema"/>). Reports the rows written so far.</summary>
    public async Task WriteAsync(
        Func<CancellationToken, Task<DbConnection>> connectionFactory,
        IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        using var connection = await connectionFactory(cancellationToken).ConfigureAwait(false);
        await RowInserter.PrepareAsync(connection, cancellationToken).ConfigureAwait(false);

        // As after a restored backup: some rows refer to an address that is not there.
        await TableScript.ExecuteAsync(connection, "SET SESSION foreign_key_checks = 0", cancellationToken).ConfigureAwait(false);
        var written = 0;
        foreach (var batch in Generate().Chunk(_options.RowsPerInsert))
        {
            using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await RowInserter.InsertAsync(
                transaction, "address", LegacyAddressChange.AddressColumnNames, [.. batch.Where(row => row is { Address: not null, IsAddressMine: true })],
                row => row.Address!, cancellationToken).ConfigureAwait(false);
            await RowInserter.InsertAsync(
                transaction, "address_change", LegacyAddressChange.ColumnNames, batch, row => row.Values, cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            written += batch.Length;
            progress?.Report(written);
        }

        await WriteUnreferencedAsync(connection, cancellationToken).ConfigureAwait(false);
        await TableScript.ExecuteAsync(connection, "SET SESSION foreign_key_checks = DEFAULT", cancellationToken).ConfigureAwait(false);
    }

    private async Task WriteUnreferencedAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var dice = new Dice((ulong)(uint)_options.Seed ^ 0x0DD);
        object?[][] rows = [.. Enumerable.Range(1, _options.UnreferencedAddresses).Select(id => new AddressChangeDraft(dice, 0, id, _firstDay).SomePerson())];
        using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await RowInserter.InsertAsync(
            transaction, "address", LegacyAddressChange.AddressColumnNames, rows, row => row, cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
    }

    private SceneSchedule<AddressChangeScene> Schedule() =>
        new(AddressChangeScenes.Common, [.. AddressChangeScenes.Rare, .. _options.IncludeUnreadable ? AddressChangeScenes.Unreadable : []], RareEvery);
}
