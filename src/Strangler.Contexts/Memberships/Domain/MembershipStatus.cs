namespace Strangler.Contexts.Memberships;

/// <summary>What is known of confirmation, cancellation and moderation.</summary>
public abstract record MembershipStatus;

/// <summary>Each aspect by itself: an application may be moderated and cancelled, and confirmed beside that.</summary>
/// <param name="IsConfirmed">Direct debit is confirmed from the beginning, PayPal once it is booked.</param>
/// <param name="IsCancelled">Cancelled by the applicant, or deleted by the back office.</param>
/// <param name="IsModerated">Held back until someone has looked at it.</param>
/// <param name="IsAborted">Given up by the applicant before it was complete: in records of before 2016 only.</param>
public sealed record KnownStatus(bool IsConfirmed, bool IsCancelled = false, bool IsModerated = false, bool IsAborted = false) : MembershipStatus;

/// <summary>
/// An old record whose number may mean different things, and nothing in it tells which. Nobody may guess: it is kept as it is until
/// somebody who knows
/// decides.
/// </summary>
/// <param name="Number">What the record says; null where it says nothing at all.</param>
public sealed record UndecidedStatus(long? Number) : MembershipStatus;
