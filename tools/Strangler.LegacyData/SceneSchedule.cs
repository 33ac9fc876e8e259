namespace Strangler.LegacyData;

/// <summary>The order in which scenes are played: each rare one once in so many rows, common ones by their weight in between. Endless.</summary>
/// <param name="common">With their weights.</param>
/// <param name="special">Those that must come along once in every round.</param>
/// <param name="every">Rows a round, about.</param>
/// <param name="spare">Of each scene's share of a round, so many rows are left out: a scene may play more rows than one.</param>
internal sealed class SceneSchedule<TScene>(
    IReadOnlyList<(TScene Scene, int Weight)> common, IReadOnlyList<TScene> special, int every, int spare = 1)
{
    private readonly int _weights = common.Sum(entry => entry.Weight);

    public IEnumerable<TScene> Play(Dice dice)
    {
        TScene[] round = [.. common.Select(entry => entry.Scene), .. special];
        while (true)
        {
            foreach (var scene in round)
            {
                yield return scene;
                for (var plain = 0; plain < (every / round.Length) - 1 - spare; plain++)
                {
                    yield return Plain(dice);
                }
            }
        }
    }

    private TScene Plain(Dice dice)
    {
        var number = dice.Next(_weights);
        var at = 0;
        while (number >= common[at].Weight)
        {
            number -= common[at].Weight;
            at++;
        }

        return common[at].Scene;
    }
}
