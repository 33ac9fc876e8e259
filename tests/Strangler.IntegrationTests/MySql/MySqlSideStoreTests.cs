using Strangler.DualWrite;
using Strangler.MySql;

namespace Strangler.IntegrationTests.MySql;

[TestFixture(SideName.Legacy)]
[TestFixture(SideName.New)]
internal sealed class MySqlSideStoreTests(SideName side) : SideStoreContract(side)
{
    private readonly SideName _side = side;
    private MySqlTestSides? _sides;

    /// <summary>Case 40: a key that was parked by a relay whose clock was ahead, and is written again.</summary>
    [Test]
    public async Task A_parked_key_that_is_written_again_can_fail_again_whatever_its_old_generation_was()
    {
        await JournalAsync(7, 1);
        var claim = (await Seams.Journal.ClaimAsync("relay", 10, TimeSpan.FromMinutes(5), default)).Single();
        await Seams.Journal.FailAsync(claim, "for good", null, default);
        await _sides!.RunAsync(_side, "UPDATE strangler_journal SET generation = generation * 2");
        await JournalAsync(7, 2);
        claim = (await Seams.Journal.ClaimAsync("relay", 10, TimeSpan.FromMinutes(5), default)).Single();

        await Seams.Journal.FailAsync(claim, "again", null, default);

        var depth = await Seams.Journal.DepthAsync(default);
        Assert.That((depth.Open, depth.Parked), Is.EqualTo((0, 2)));
        Assert.That(await Seams.Journal.RetryAsync(new EntityKey(Kind, 7), default), Is.EqualTo(2));
        Assert.That((await Seams.Journal.ClaimAsync("relay", 10, TimeSpan.FromMinutes(5), default)).Single().Version.Counter, Is.EqualTo(2));
    }

    protected override async Task<StoreUnderTest> CreateAsync(SideName side)
    {
        var sides = _sides = await MySqlTestSides.CreateAsync();
        return new StoreUnderTest(sides.Sides.Of(side), fence => sides.SetFenceAsync(side, fence), sides.DisposeAsync);
    }

    protected override Task SetFenceFieldAsync(string field, string value) => _sides!.RunAsync(_side, $"UPDATE strangler_fence SET {field} = '{value}'");

    protected override Task BeginWritingAsync(ISideTransaction transaction) => ((MySqlSideTransaction)transaction).FlushAsync(default);
}
