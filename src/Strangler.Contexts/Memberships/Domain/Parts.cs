namespace Strangler.Contexts.Memberships;

/// <summary>Types of membership.</summary>
public enum MembershipType
{
    /// <summary>Pays, and has no vote.</summary>
    Sustaining,

    /// <summary>Has a vote.</summary>
    Active,

    /// <summary>An old record does not say.</summary>
    Unknown,
}

/// <summary>Whether a receipt for the fee is wanted.</summary>
public enum ReceiptWish
{
    /// <summary>Nobody asked.</summary>
    Unknown,
    Yes,
    No,
}

/// <summary>What an applicant gets for joining, by its name: <c>tote_bag</c>.</summary>
public sealed record Incentive(string Name);

/// <summary>Where the applicant came from. Campaign and keyword in lower case.</summary>
/// <param name="ConfirmationPage">The page shown afterwards, in records of the first programs.</param>
/// <param name="ConfirmationCampaign">The campaign of that page.</param>
public sealed record Tracking(string Campaign, string Keyword, string ConfirmationPage = "", string ConfirmationCampaign = "");

/// <summary>Why an application is held back; the source names the offending input, "" for none.</summary>
public sealed record ModerationReason(string Identifier, string Source);

/// <summary>One line of an application's history. Two lines never have the same second: a later one is moved on.</summary>
public sealed record LogEntry(DateTime LoggedAt, string Message);

/// <summary>What a membership costs at least and at most, in cents a year.</summary>
public static class MembershipFees
{
    public const long LeastOfPersons = 2_400;
    public const long LeastOfCompanies = 10_000;
    public const long Most = 10_000_000;

    /// <summary>Above that somebody looks at it.</summary>
    public const long ModeratedAbove = 100_000;

    /// <summary>What one payment of an interval comes to in a year.</summary>
    public static long Yearly(long feeInCents, int intervalInMonths) => checked(feeInCents * 12 / intervalInMonths);

    /// <summary>Refuses fees that no applicant of that type can agree on, and intervals other than 1, 3, 6 and 12 months.</summary>
    public static void Check(long feeInCents, int intervalInMonths, ApplicantType type)
    {
        if (intervalInMonths is not (1 or 3 or 6 or 12))
        {
            throw new ArgumentOutOfRangeException(nameof(intervalInMonths), intervalInMonths, "A fee is paid every 1, 3, 6 or 12 months.");
        }

        ArgumentOutOfRangeException.ThrowIfNegative(feeInCents);
        var (yearly, least) = (Yearly(feeInCents, intervalInMonths), type == ApplicantType.Company ? LeastOfCompanies : LeastOfPersons);
        if (yearly < least || yearly > Most)
        {
            throw new ArgumentOutOfRangeException(nameof(feeInCents), feeInCents, $"A year costs {least} to {Most} cents, and this comes to {yearly}.");
        }
    }
}
