using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Strangler.Contexts.Subscriptions;
using Strangler.DualWrite;
using Strangler.Service.Http.Admin;

namespace Strangler.Service.Http.Repositories;

/// <summary>Subscriptions, and what a frontend asks before it takes one or confirms it.</summary>
internal sealed class SubscriptionResource : ResourceDescription<Subscription>
{
    public override string Context => SubscriptionsContext.Name;

    public override string Kind => SubscriptionsContext.SubscriptionKind;

    public override IReadOnlyList<Member<Subscription>> Members { get; } =
    [
        Shown("id", subscription => subscription.Id),
        Made("created_at", subscription => subscription.CreatedAt, isNeeded: false),
        Made("email", subscription => subscription.Email, (subscription, email, _) => subscription.ChangeEmail(email)),
        Changed("full_name", subscription => subscription.FullName, (subscription, name, _) => subscription.Rename(name)),
        Made(
            "confirmation_code", subscription => subscription.ConfirmationCode,
            (subscription, code, _) => subscription.IssueConfirmationCode(code), isNeeded: false),
        Shown("confirmation", subscription => subscription.Confirmation),
        Flag(
            "is_confirmed", subscription => subscription.Confirmation == Confirmation.Confirmed,
            (subscription, _) => subscription.Confirm()),
        Flag(
            "is_moderated", subscription => subscription.IsModerated, (subscription, _) => subscription.Moderate(),
            (subscription, _) => subscription.Approve()),
        Changed(
            "tracking", subscription => subscription.Tracking, (subscription, tracking, _) => subscription.Track(tracking),
            isNullable: true, takesNull: true),
        Changed("source", subscription => subscription.Source, (subscription, source, _) => subscription.ComeFrom(source)),
        Flag(
            "is_exported", subscription => subscription.IsExported, (subscription, act) => subscription.MarkExported(act.Now),
            (subscription, _) => subscription.ResetExport()),
        Shown("exported_at", subscription => subscription.ExportedAt),
        Flag("is_backed_up", subscription => subscription.IsBackedUp, (subscription, act) => subscription.MarkBackedUp(act.Now)),
        Shown("backed_up_at", subscription => subscription.BackedUpAt),
        Flag("is_anonymized", subscription => subscription.IsAnonymized, (subscription, _) => subscription.Anonymize()),
    ];

    public override IReadOnlyList<Question> Questions =>
    [
        new(HttpMethods.Post, "/similar", "how many have the same e-mail address and were made after a moment", SimilarAsync)
        {
            Body = Asked(("email", typeof(string)), ("after", typeof(DateTime))), Schema = "similar_subscriptions",
        },
        new(HttpMethods.Post, "/searches", "the one that has a confirmation code", SearchAsync)
        {
            Body = Asked(("confirmation_code", typeof(string))), Schema = "subscription_search", FindsOne = true,
        },
    ];

    public override RepositoryWrapper<Subscription> Of(ContextHost host) => host.Part<SubscriptionsContext>().Subscriptions;

    public override Subscription Make(Given given, Act act) => new(
        0, given.Find<DateTime?>("created_at") ?? act.Now, given.Get<string>("email"), given.Find<string>("confirmation_code") ?? "");

    private static async Task<object?> SimilarAsync(Inquiry asked, CancellationToken cancellationToken)
    {
        var entities = asked.Host.Part<SubscriptionsContext>().Subscriptions;
        var (email, after) = (asked.Given.Get<string>("email"), asked.Given.Get<DateTime>("after"));
        var count = await entities.CountSimilarAsync(email, after, cancellationToken).ConfigureAwait(false);
        return new JsonObject { ["count"] = count };
    }

    private static async Task<object?> SearchAsync(Inquiry asked, CancellationToken cancellationToken) =>
        await asked.Host.Part<SubscriptionsContext>().Subscriptions
            .FindByConfirmationCodeAsync(asked.Given.Get<string>("confirmation_code"), cancellationToken).ConfigureAwait(false);
}
