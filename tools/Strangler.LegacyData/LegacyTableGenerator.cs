using System.Data.Common;

namespace Strangler.LegacyData;

/// <summary>How one kind of row of a plain table comes about.</summary>
/// <param name="Kind">Its name.</param>
/// <param name="Make">From a plain row.</param>
internal sealed record RowScene(string Kind, Action<LegacyRow, Dice> Make);

/// <summary>What a plain table is made of.</summary>
/// <param name="Table">Its name.</param>
/// <param name="Columns">Its columns; the first is the key.</param>
/// <param name="Plain">The usual row: all values but the key, by the number of the row and how many there will be.</param>
/// <param name="Common">Scenes with their weights.</param>
/// <param name="Rare">Oddities, each once a round.</param>
/// <param name="Unreadable">Damages, each once a round.</param>
/// <param name="Describe">What a row shows beside its scene, and every name that it can give.</param>
internal sealed record TableScenes(
    string Table,
    IReadOnlyList<string> Columns,
    Func<Dice, int, int, object?[]> Plain,
    IReadOnlyList<(RowScene Scene, int Weight)> Common,
    IReadOnlyList<RowScene> Rare,
    IReadOnlyList<RowScene> Unreadable,
    (Func<LegacyRow, IEnumerable<string>> Kinds, IReadOnlyList<string> All) Describe);

/// <summary>A made-up legacy table without companions, with everything that the real one may hold. Each rare kind comes along once a round.</summary>
public sealed class LegacyTableGenerator
{
    private const int Round = 150;

    private readonly TableScenes _scenes;
    private readonly LegacyRowOptions _options;

    internal LegacyTableGenerator(TableScenes scenes, LegacyRowOptions options) => (_scenes, _options) = (scenes, options.Validated());

    /// <summary>The table.</summary>
    public string Table => _scenes.Table;

    /// <summary>Damaged rows; see <see cref="LegacyRowOptions.IncludeUnreadable"/>.</summary>
    public IReadOnlyCollection<string> UnreadableKinds => [.. _scenes.Unreadable.Select(scene => scene.Kind)];

    /// <summary>The names of the states and oddities that the rows show, <see cref="UnreadableKinds"/> included.</summary>
    public IReadOnlyCollection<string> Kinds =>
        [.. _scenes.Common.Select(entry => entry.Scene.Kind), .. _scenes.Rare.Select(scene => scene.Kind), .. UnreadableKinds, .. _scenes.Describe.All];

    /// <summary>The rows, in the order of their ids; made one after the other, so memory stays small.</summary>
    public IEnumerable<LegacyRow> Generate()
    {
        var dice = new Dice((ulong)(uint)_options.Seed ^ Hash(_scenes.Table));
        var schedule = new SceneSchedule<RowScene>(
            _scenes.Common, [.. _scenes.Rare, .. _options.IncludeUnreadable ? _scenes.Unreadable : []], Round);
        var (id, number) = (0L, 0);
        foreach (var scene in schedule.Play(dice).Take(_options.Rows))
        {
            object?[] values = [id += dice.Chance(90) ? 1 : dice.Between(2, 7), .. _scenes.Plain(dice, number++, _options.Rows).Select(Wide)];
            var draft = new LegacyRow(_scenes.Columns, values, [], false);
            scene.Make(draft, dice);
            yield return new LegacyRow(
                _scenes.Columns, values, [.. _scenes.Describe.Kinds(draft).Prepend(scene.Kind).Distinct()], _scenes.Unreadable.Contains(scene));
        }
    }

    /// <summary>Creates nothing but rows: the table must be there. Reports the rows written so far.</summary>
    public async Task WriteAsync(
        Func<CancellationToken, Task<DbConnection>> connectionFactory, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        using var connection = await connectionFactory(cancellationToken).ConfigureAwait(false);
        await RowInserter.PrepareAsync(connection, cancellationToken).ConfigureAwait(false);
        var written = 0;
        foreach (var batch in Generate().Chunk(_options.RowsPerInsert))
        {
            using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await RowInserter.InsertAsync(transaction, _scenes.Table, _scenes.Columns, batch, row => row.Values, cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            written += batch.Length;
            progress?.Report(written);
        }
    }

    private static object? Wide(object? value) => value is int number ? (long)number : value;

    // The same in every process, which string.GetHashCode is not.
    private static ulong Hash(string text) => text.Aggregate(0xCBF29CE484222325, (hash, letter) => unchecked((hash ^ letter) * 0x100000001B3));
}
