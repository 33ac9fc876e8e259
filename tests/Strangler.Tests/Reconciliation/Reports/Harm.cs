using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation.Reports;

/// <summary>A world in which every verdict there is stands at least once.</summary>
internal static class Harm
{
    /// <summary>A sum over the notes: by letter's two flags; none of them personal.</summary>
    public static readonly DeclaredSum Sum = new(
        TestLens.Kind, "notes", "amount", [new SumDimension("cancelled", SumPeriod.None), new SumDimension("paid", SumPeriod.None)]);

    public static World OfEveryKind()
    {
        var world = World.Filled();
        world.Options.PauseForLag = TimeSpan.Zero;
        world.Options.Sums = [Sum];
        world.Options.Declared =
        [
            new DeclaredDifference("cancelled", "fundraising <script>alert(1)</script>", "entered twice, \"by hand\"",
                DateOnly.MaxValue) { Kind = TestLens.Kind },
            new DeclaredDifference("name", "IT", "over", new DateOnly(2020, 1, 31)),
            new DeclaredDifference("amount", "IT", "of another kind", DateOnly.MaxValue) { Kind = "other" },
        ];
        world.TamperNew(10, 1, 1L);                                            // Drift, in the amount
        world.TamperNew(20, 2, 1L);                                            // Explained
        world.EnrichNew(30, 3, 1L);                                            // NotComparable: a cancelled note that is paid
        world.Raise(SideName.Legacy, 40, 2);                                   // InFlight
        world.Journal(SideName.Legacy, 40, 2);
        world.Raise(SideName.Legacy, 50, 2);                                   // Lagging
        world.Journal(SideName.Legacy, 50, 2, TimeSpan.FromHours(1));
        world.Raise(SideName.Legacy, 60, 2);                                   // LostObligation
        world.Raise(SideName.New, 70, 9);                                      // Regression
        world.New.Rows.Remove(world.NewKey(80));                               // MissingInNew
        world.PlantNew(5, TestLens.NewRow("only here", 700, false, false));    // MissingInLegacy
        world.PlantNew(205, null);                                             // Unmapped: leads nowhere
        world.New.Rows[World.Key(900_000)] = TestLens.NewRow("nobody's", 1, false, false);   // Unmapped: no public id
        world.Sides.PlantLegacy(90, "changed past capture", 12_345);           // Uncaptured
        world.Sides.PlantLegacy(110, "x", 1, "?");                             // Unreadable
        return world;
    }
}
