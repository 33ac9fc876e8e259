namespace Strangler.Contexts.Donations;

/// <summary>What a donor wrote beside the donation. Never empty: a donation without a comment has none.</summary>
/// <param name="Text">1 to 2,048 bytes.</param>
/// <param name="Author">Display name.</param>
/// <param name="IsPublic">Whether it may be shown.</param>
public sealed record Comment(string Text, string Author, bool IsPublic);

/// <summary>Where the donor came from. Campaign and keyword in lower case.</summary>
public sealed record Tracking(string Campaign, string Keyword, long Impressions, long BannerImpressions);

/// <summary>Tokens that let a donor see or change the donation.</summary>
public sealed record AccessTokens(string AccessToken, string UpdateToken, DateTime? UpdateTokenExpiresAt);

/// <summary>One line of a donation's history. Two lines never have the same second: a later one is moved on.</summary>
public sealed record LogEntry(DateTime LoggedAt, string Message);

/// <summary>Why a donation is held back; the source names the offending input, "" for none.</summary>
public sealed record ModerationReason(string Identifier, string Source);
