using Strangler.Contexts.Common.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Subscriptions.Mapping;

/// <summary>The converters that <c>legacy-mappings/subscriptions.xml</c> names.</summary>
public static class SubscriptionConverters
{
    /// <summary>Adds them to a registry and returns it.</summary>
    public static ConverterRegistry AddSubscriptions(this ConverterRegistry registry) =>
        registry.AddNothingPersonal()
            .Add("subscription-status", SubscriptionStatusConverter.Shape, static binding => new SubscriptionStatusConverter(binding))
            .Add("confirmation-code", ConfirmationCodeConverter.Shape, static binding => new ConfirmationCodeConverter(binding));
}
