using System.Data.Common;
using Strangler.LegacyData.AddressChanges;
using Strangler.LegacyData.BackOfficeUsers;
using Strangler.LegacyData.Buckets;
using Strangler.LegacyData.ChangeLog;
using Strangler.LegacyData.Impressions;
using Strangler.LegacyData.Memberships;
using Strangler.LegacyData.Subscriptions;

namespace Strangler.LegacyData;

/// <summary>The legacy tables of all contexts side by side in one database, as production has them.</summary>
public static class LegacyFundraising
{
    private static readonly Func<DbConnection, CancellationToken, Task>[] _schemas =
    [
        LegacySchema.CreateAsync, LegacyMembershipSchema.CreateAsync, LegacySubscriptionSchema.CreateAsync, LegacyAddressChangeSchema.CreateAsync,
        LegacyUserSchema.CreateAsync, LegacyImpressionSchema.CreateAsync, LegacyBucketSchema.CreateAsync, LegacyActionSchema.CreateAsync,
    ];

    /// <summary>Creates the tables of all contexts.</summary>
    /// <exception cref="InvalidOperationException">One of them is already there.</exception>
    public static async Task CreateAsync(DbConnection connection, CancellationToken cancellationToken = default)
    {
        foreach (var schema in _schemas)
        {
            await schema(connection, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Fills the tables of every context but donations; the tables must be there and empty. Returns how many rows of each kind there are, and how many
    /// of them are damaged on purpose.
    /// </summary>
    public static async Task<IReadOnlyList<(string Context, string Kind, int Rows, int Unreadable)>> FillOthersAsync(
        Func<CancellationToken, Task<DbConnection>> connectionFactory, int rows, int seed, CancellationToken cancellationToken = default)
    {
        var options = new LegacyRowOptions { Rows = rows, Seed = seed };
        var memberships = new LegacyMembershipGenerator(new LegacyMembershipOptions { Rows = rows, Seed = seed });
        var subscriptions = new LegacySubscriptionGenerator(new LegacySubscriptionOptions { Rows = rows, Seed = seed });
        var changes = new LegacyAddressChangeGenerator(new LegacyAddressChangeOptions { Rows = rows, Seed = seed });
        await memberships.WriteAsync(connectionFactory, null, cancellationToken).ConfigureAwait(false);
        await subscriptions.WriteAsync(connectionFactory, null, cancellationToken).ConfigureAwait(false);
        await changes.WriteAsync(connectionFactory, null, cancellationToken).ConfigureAwait(false);

        var (users, banners) = (LegacyUsers.Generator(options with { Rows = Math.Min(rows, 400) }), LegacyImpressions.Banners(options with { Rows = Math.Min(rows, 400) }));
        var impressions = LegacyImpressions.Impressions(options, [.. banners.Generate().Select(row => row.Id)]);
        var (buckets, actions) = (LegacyBuckets.Generator(options), LegacyActions.Generator(options));
        foreach (var plain in new[] { users, banners, impressions, actions })
        {
            await plain.WriteAsync(connectionFactory, null, cancellationToken).ConfigureAwait(false);
        }

        await LegacyBuckets.WriteAsync(buckets, connectionFactory, cancellationToken).ConfigureAwait(false);
        return
        [
            Count("memberships", "membership", memberships.Generate(), row => row.IsUnreadable),
            Count("subscriptions", "subscription", subscriptions.Generate(), row => row.IsUnreadable),
            Count("address-changes", "address-change", changes.Generate(), row => row.IsUnreadable),
            Count("back-office-users", "user", users.Generate(), row => row.IsUnreadable),
            Count("impressions", "banner", banners.Generate(), row => row.IsUnreadable),
            Count("impressions", "impression", impressions.Generate(), row => row.IsUnreadable),
            Count("buckets", "bucket-log", buckets.Generate(), row => row.IsUnreadable),
            Count("change-log", "logged-action", actions.Generate(), row => row.IsUnreadable),
        ];
    }

    private static (string Context, string Kind, int Rows, int Unreadable) Count<T>(string context, string kind, IEnumerable<T> rows, Func<T, bool> isUnreadable)
    {
        var all = rows.ToList();
        return (context, kind, all.Count, all.Count(isUnreadable));
    }
}
