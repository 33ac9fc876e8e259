using Strangler.Contexts.HealthRegions;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Service;

namespace Strangler.IntegrationTests.HealthRegions;

/// <summary>The life cycle of weeks of mobility, whose ids legacy allots, each of another region that may be there or not.</summary>
public sealed class HealthRegionsLifeCycleTests : ContextLifeCycleContract<MobilityWeek>
{
    private protected override bool CanBeOneTransaction => false;

    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) =>
        await HealthRegionsWorld.CreateAsync(HealthRegionsContext.MobilityWeekKind, options: options);

    private protected override RepositoryWrapper<MobilityWeek> WrapperOf(ContextHost host) => host.Part<HealthRegionsContext>().MobilityWeeks;

    private protected override MobilityWeek New(long number)
    {
        var week = new MobilityWeek(0, number % 300, new GivenDay(new DateOnly(2021, 11, 27), null));
        Change(week, number);
        return week;
    }

    private protected override void Change(MobilityWeek entity, long number)
    {
        entity.Count(47, 2021, number);
        entity.Measure("mobility", (float)(number / 7.0));
        entity.BelongTo(number % 300);
    }

    private protected override long NumberOf(MobilityWeek entity) => entity.SumNumDevices ?? 0;

    private protected override long IdOf(MobilityWeek entity) => entity.Id;

    private protected override (string Field, object? Value) FieldOf(long number) => ("sum_num_devices", number);

    private protected override string ForeignInsert(long id, long number) =>
        $"INSERT INTO mobility (id, hr_uid, date, sum_num_devices) VALUES ({id}, {number + 1}, '2021-11-20', {number})";

    private protected override string ForeignUpdate(long id, long number) => $"UPDATE mobility SET sum_num_devices = {number} WHERE id = {id}";

    private protected override string ForeignDelete(long id) => $"DELETE FROM mobility WHERE id = {id}";
}
