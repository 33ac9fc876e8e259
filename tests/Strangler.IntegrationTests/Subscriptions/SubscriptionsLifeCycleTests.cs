using System.Globalization;
using Strangler.Contexts.Subscriptions;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Service;

namespace Strangler.IntegrationTests.Subscriptions;

/// <summary>The life cycle of subscriptions.</summary>
public class SubscriptionsLifeCycleTests : ContextLifeCycleContract<Subscription>
{
    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) => await SubscriptionsWorld.CreateAsync(options: options);

    private protected override RepositoryWrapper<Subscription> WrapperOf(ContextHost host) => host.Part<SubscriptionsContext>().Subscriptions;

    private protected override Subscription New(long number)
    {
        var subscription = new Subscription(
            0, new DateTime(2022, 6, 1, 10, 0, 0), "nyan@awesomecats.example", "3d0f3cff008000202020202020202020");
        subscription.Track(new Tracking("test", "blue"));
        Change(subscription, number);
        return subscription;
    }

    private protected override void Change(Subscription entity, long number) => entity.ComeFrom(number.ToString(CultureInfo.InvariantCulture));

    private protected override long NumberOf(Subscription entity) => long.Parse(entity.Source, CultureInfo.InvariantCulture);

    private protected override long IdOf(Subscription entity) => entity.Id;

    private protected override (string Field, object? Value) FieldOf(long number) => ("source", number.ToString(CultureInfo.InvariantCulture));

    private protected override string ForeignInsert(long id, long number) =>
        $"INSERT INTO subscription (id, email, source, createdAt) VALUES ({id}, 'unicorn@dancingonrainbows.example', '{number}', '2020-01-01 12:00:00')";

    private protected override string ForeignUpdate(long id, long number) => $"UPDATE subscription SET source = '{number}' WHERE id = {id}";

    private protected override string ForeignDelete(long id) => $"DELETE FROM subscription WHERE id = {id}";
}
