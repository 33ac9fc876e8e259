using System.Collections.Frozen;
using Strangler.Contexts.Common;
using Strangler.Contexts.Common.Payments;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Donations;

/// <summary>
/// Between donations and their records. Each part of a donation is written only if it differs from what the record already says, so that whatever the
/// domain does not know (stale data of another donor or payment type, unknown keys) stays as it is.
/// </summary>
public sealed class DonationRecords : IEntityConverter<Donation>
{
    private static readonly FrozenDictionary<DonorType, string> DonorCodes = new Dictionary<DonorType, string>
    {
        [DonorType.Unknown] = "unknown",
        [DonorType.Person] = "person",
        [DonorType.Company] = "company",
        [DonorType.Email] = "email",
        [DonorType.Anonymous] = "anonymous",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, DonorType> DonorTypesByCode =
        DonorCodes.ToFrozenDictionary(pair => pair.Value, pair => pair.Key);

    private readonly CompiledMapping _mapping;

    /// <param name="mapping">The context's mapping: it knows which raw legacy values a change makes void.</param>
    public DonationRecords(CompiledMapping mapping) => _mapping = mapping;

    public RecordSchema Schema => _mapping.Schema;

    public long IdOf(Donation entity) => entity.Id;

    public void AssignId(Donation entity, long id) => entity.AssignId(id);

    public Donation ToEntity(long id, Record record) => Donation.Recall(new DonationState
    {
        Id = id,
        CreatedAt = record.Timestamp("created_at") ?? default,
        AmountInCents = record.Integer("amount"),
        IntervalInMonths = checked((int)record.Integer("interval_months")),
        Donor = DonorOf(record),
        Payment = PaymentRecords.Of(record),
        PaymentState = PaymentRecords.StateOf(record),
        IsCancelled = record.Boolean("is_cancelled"),
        IsModerated = record.Boolean("is_moderated"),
        IsDeleted = record.Boolean("is_deleted"),
        DeletedAt = record.Timestamp("deleted_at"),
        IsExported = record.Boolean("is_exported"),
        ExportedAt = record.Timestamp("exported_at"),
        BackedUpAt = record.Timestamp("backed_up_at"),
        WantsNewsletter = record.Boolean("wants_newsletter"),
        WantsReceipt = record.Boolean("wants_receipt"),
        IsConfirmationSent = record.Boolean("is_confirmation_sent"),
        Comment = CommentOf(record),
        Tracking = TrackingOf(record),
        Tokens = TokensOf(record),
        Log = LogOf(record),
        ModerationReasons = ReasonsOf(record),
    });

    public Record Apply(Donation entity, Record present)
    {
        var draft = new RecordDraft(_mapping, present);
        if (entity.ErasesLeftovers)
        {
            // First: what the donation was given after its erasure is written behind it.
            ErasePersonal(draft, present);
        }

        draft.Set("created_at", entity.CreatedAt == default ? null : entity.CreatedAt);
        draft.Set("amount", entity.AmountInCents);
        draft.Set("interval_months", (long)entity.IntervalInMonths);
        draft.Set("payment_state", PaymentRecords.CodeOf(entity.PaymentState));
        draft.Set("is_cancelled", entity.IsCancelled);
        draft.Set("is_moderated", entity.IsModerated);
        draft.Set("is_deleted", entity.IsDeleted);
        draft.Set("deleted_at", entity.DeletedAt);
        draft.Set("is_exported", entity.IsExported);
        draft.Set("exported_at", entity.ExportedAt);
        draft.Set("backed_up_at", entity.BackedUpAt);
        draft.Set("is_confirmation_sent", entity.IsConfirmationSent);
        draft.Set("wants_newsletter", entity.WantsNewsletter);
        draft.Set("wants_receipt", entity.WantsReceipt);
        if (!Equals(entity.Payment, PaymentRecords.Of(present)))
        {
            PaymentRecords.Write(draft, entity.Payment);
        }

        if (!Equals(entity.Comment, CommentOf(present)))
        {
            WriteComment(draft, entity.Comment);
        }

        if (!Equals(entity.Tracking, TrackingOf(present)))
        {
            WriteTracking(draft, entity.Tracking);
        }

        if (!Equals(entity.Tokens, TokensOf(present)))
        {
            WriteTokens(draft, entity.Tokens);
        }

        if (!entity.Log.SequenceEqual(LogOf(present)))
        {
            draft.Set("log_entries", entity.Log, entry => [entry.LoggedAt, entry.Message]);
        }

        if (!entity.ModerationReasons.SequenceEqual(ReasonsOf(present)))
        {
            draft.Set("moderation_reasons", entity.ModerationReasons, reason => [reason.Identifier, reason.Source]);
        }

        if (!Equals(entity.Donor, DonorOf(present)))
        {
            WriteDonor(draft, entity.Donor);
        }

        return draft.ToRecord();
    }

    // A public comment stays, with its signature; a signature without a comment does not.
    private static void ErasePersonal(RecordDraft draft, Record present)
    {
        draft.ErasePersonal(present.Text("comment.text").Length > 0 ? ["comment.text", "comment.author"] : []);
        draft.Set("follow_ups", RecordList.Empty);
    }

    private static Donor DonorOf(Record record)
    {
        var type = DonorTypesByCode[record.Text("donor.type")];
        if (record.Boolean("is_anonymized"))
        {
            return new AnonymizedDonor(type, record.Text("donor.salutation"));
        }

        return type switch
        {
            DonorType.Person => new PersonDonor(NameOf(record), AddressOf(record), record.Text("donor.email")),
            DonorType.Company => new CompanyDonor(record.Text("donor.company"), NameOf(record), AddressOf(record), record.Text("donor.email")),
            DonorType.Email => new EmailDonor(NameOf(record), record.Text("donor.email")),
            DonorType.Anonymous => new AnonymousDonor(),
            _ => new UnclassifiedDonor(NameOf(record), record.Text("donor.company"), AddressOf(record), record.Text("donor.email")),
        };
    }

    private static PersonName NameOf(Record record) => new(
        record.Text("donor.salutation"), record.Text("donor.title"), record.Text("donor.first_name"), record.Text("donor.last_name"));

    private static Address AddressOf(Record record) => new(
        record.Text("donor.street"), record.Text("donor.postcode"), record.Text("donor.city"), record.Text("donor.country"));

    private static void WriteDonor(RecordDraft draft, Donor donor)
    {
        var none = new PersonName("", "", "", "");
        var (type, name, company, address, email) = donor switch
        {
            PersonDonor person => (DonorType.Person, person.Name, "", person.Address, person.Email),
            CompanyDonor firm => (DonorType.Company, firm.Contact, firm.Company, firm.Address, firm.Email),
            EmailDonor mail => (DonorType.Email, mail.Name, "", null, mail.Email),
            AnonymousDonor => (DonorType.Anonymous, none, "", null, ""),
            AnonymizedDonor erased => (erased.OriginalType, none with { Salutation = erased.Salutation }, "", null, ""),
            UnclassifiedDonor other => (DonorType.Unknown, other.Name, other.Company, other.Address, other.Email),
            _ => throw new ArgumentException($"No rule to store a {donor.GetType().Name}.", nameof(donor)),
        };
        draft.Set("donor.type", DonorCodes[type]);
        draft.Set("donor.salutation", name.Salutation);
        draft.Set("donor.title", name.Title);
        draft.Set("donor.first_name", name.FirstName);
        draft.Set("donor.last_name", name.LastName);
        draft.Set("donor.company", company);
        draft.Set("donor.street", address?.Street ?? "");
        draft.Set("donor.postcode", address?.Postcode ?? "");
        draft.Set("donor.city", address?.City ?? "");
        draft.Set("donor.country", address?.Country ?? "");
        draft.Set("donor.email", email);
        draft.Set("donor.full_name", donor.FullName);
        draft.Set("is_anonymized", donor is AnonymizedDonor);
    }

    private static Comment? CommentOf(Record record) =>
        record.Text("comment.text") is { Length: > 0 } text
            ? new Comment(text, record.Text("comment.author"), record.Boolean("comment.is_public"))
            : null;

    private static void WriteComment(RecordDraft draft, Comment? comment)
    {
        draft.Set("comment.text", comment?.Text ?? "");
        draft.Set("comment.author", comment?.Author ?? "");
        draft.Set("comment.is_public", comment?.IsPublic ?? false);
    }

    private static Tracking? TrackingOf(Record record)
    {
        var tracking = new Tracking(
            record.Text("tracking.campaign"),
            record.Text("tracking.keyword"),
            record.Integer("tracking.impressions"),
            record.Integer("tracking.banner_impressions"));
        return tracking == new Tracking("", "", 0, 0) ? null : tracking;
    }

    private static void WriteTracking(RecordDraft draft, Tracking? tracking)
    {
        draft.Set("tracking.campaign", tracking?.Campaign ?? "");
        draft.Set("tracking.keyword", tracking?.Keyword ?? "");
        draft.Set("tracking.impressions", tracking?.Impressions ?? 0L);
        draft.Set("tracking.banner_impressions", tracking?.BannerImpressions ?? 0L);
    }

    private static AccessTokens? TokensOf(Record record)
    {
        var tokens = new AccessTokens(record.Text("token.access"), record.Text("token.update"), record.Timestamp("token.update_expires_at"));
        return tokens == new AccessTokens("", "", null) ? null : tokens;
    }

    private static void WriteTokens(RecordDraft draft, AccessTokens? tokens)
    {
        draft.Set("token.access", tokens?.AccessToken ?? "");
        draft.Set("token.update", tokens?.UpdateToken ?? "");
        draft.Set("token.update_expires_at", tokens?.UpdateTokenExpiresAt);
    }

    private static IReadOnlyList<LogEntry> LogOf(Record record) =>
        [.. record.List("log_entries").Rows.Select(row => new LogEntry((DateTime)row[0]!, (string)row[1]!))];

    private static IReadOnlyList<ModerationReason> ReasonsOf(Record record) =>
        [.. record.List("moderation_reasons").Rows.Select(row => new ModerationReason((string)row[0]!, (string)row[1]!))];
}
