using Strangler.DualWrite;
using Strangler.MySql;

namespace Strangler.IntegrationTests.MySql;

[TestFixture(SideName.Legacy)]
[TestFixture(SideName.New)]
internal sealed class MySqlSideStoreTests(SideName side) : SideStoreContract(side)
{
    protected override async Task<StoreUnderTest> CreateAsync(SideName side)
    {
        var sides = await MySqlTestSides.CreateAsync();
        return new StoreUnderTest(sides.Sides.Of(side), fence => sides.SetFenceAsync(side, fence), sides.DisposeAsync);
    }

    protected override Task BeginWritingAsync(ISideTransaction transaction) => ((MySqlSideTransaction)transaction).FlushAsync(default);
}
