using System.Data.Common;

namespace Strangler.LegacyData;

/// <summary>
/// A made-up table of donations with everything that the real one may hold. Most rows are plain; every 5,000 rows each
/// rare kind comes along once, every 20,000 each damaged one, from the first row on.
/// </summary>
public sealed class LegacyDonationGenerator(LegacyDonationOptions options)
{
    private const int RareEvery = 5_000;
    private const int UnreadableEvery = 20_000;
    private const int MostPlainRowsBetween = 28;

    private static readonly DateTime _firstDay = new(2011, 1, 3);
    private static readonly int _weights = StateScenes.Common.Sum(entry => entry.Weight);

    private readonly LegacyDonationOptions _options = options.Validated();

    /// <summary>The rows, in the order of their ids; made one after the other, so memory stays small.</summary>
    public IEnumerable<LegacyDonation> Generate()
    {
        var dice = new Dice((ulong)(uint)_options.Seed ^ 0x5DEECE66D);
        var id = _options.FirstId - 1;
        var paymentId = _options.FirstPaymentId - 1;
        var count = 0;
        foreach (var scene in Schedule(dice))
        {
            foreach (var draft in Play(scene, count).OrderBy(draft => draft.Id))
            {
                yield return draft.Finish();
                count++;
            }

            if (count == _options.Rows)
            {
                yield break;
            }
        }

        IReadOnlyList<Draft> Play(Scene scene, int position)
        {
            var (idBefore, paymentIdBefore) = (id, paymentId);
            var drafts = Perform(scene, position);
            if (drafts.Count <= _options.Rows - position)
            {
                return drafts;
            }

            // A family that no longer fits: half of it would point at rows that do not exist.
            (id, paymentId) = (idBefore, paymentIdBefore);
            return Perform(StateScenes.Common[0].Scene, position);
        }

        IReadOnlyList<Draft> Perform(Scene scene, int position)
        {
            var days = (DonationMaker.LastDay - _firstDay).TotalDays * position / _options.Rows;
            var when = _firstDay.AddDays((int)days).AddSeconds(dice.Next(86_400));
            var maker = new DonationMaker(
                dice, when, () => id += dice.Chance(88) ? 1 : dice.Between(2, 9), () => paymentId += dice.Chance(90) ? 1 : 2);
            return [.. scene.Play(maker)];
        }
    }

    /// <summary>Creates nothing but rows: the tables must be there (<see cref="LegacySchema"/>). Reports the rows written so far.</summary>
    public Task WriteAsync(
        Func<CancellationToken, Task<DbConnection>> connectionFactory,
        IProgress<int>? progress = null,
        CancellationToken cancellationToken = default) =>
        LegacyDonationWriter.WriteAsync(connectionFactory, Generate(), _options.RowsPerInsert, progress, cancellationToken);

    // Endless: the reader stops it.
    private IEnumerable<Scene> Schedule(Dice dice)
    {
        for (var block = 0; ; block++)
        {
            var special = SpecialScenes(withUnreadable: _options.IncludeUnreadable && block % (UnreadableEvery / RareEvery) == 0);
            var plainBetween = Math.Clamp((Math.Min(_options.Rows, RareEvery) / special.Count) - 2, 0, MostPlainRowsBetween);
            var left = RareEvery - (special.Count * (plainBetween + 1));
            foreach (var scene in special)
            {
                yield return scene;
                for (var i = 0; i < plainBetween; i++)
                {
                    yield return PlainScene(dice);
                }
            }

            for (; left > 0; left--)
            {
                yield return PlainScene(dice);
            }
        }
    }

    private static List<Scene> SpecialScenes(bool withUnreadable)
    {
        List<Scene> scenes = [.. StateScenes.Common.Select(entry => entry.Scene), .. StateScenes.Rare, .. FixtureScenes.All,
            .. QuirkScenes.All];
        if (withUnreadable)
        {
            scenes.AddRange(UnreadableScenes.All);
        }

        return scenes;
    }

    private static Scene PlainScene(Dice dice)
    {
        var number = dice.Next(_weights);
        var at = 0;
        while (number >= StateScenes.Common[at].Weight)
        {
            number -= StateScenes.Common[at].Weight;
            at++;
        }

        return StateScenes.Common[at].Scene;
    }
}
