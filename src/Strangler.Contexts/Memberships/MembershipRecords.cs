using Strangler.Contexts.Common;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Common.Tokens;
using Strangler.Contexts.Memberships.Mapping;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Memberships;

/// <summary>
/// Between applications and their records. Each part is written only if it differs from what the record already says, so that whatever the
/// domain does not
/// know (a company's first name, a former payment's data, unknown keys) stays as it is.
/// </summary>
/// <param name="mapping">The context's mapping: it knows which raw legacy values a change makes void.</param>
public sealed class MembershipRecords(CompiledMapping mapping) : IEntityConverter<MembershipApplication>
{
    private static readonly (MembershipType Value, string Code)[] _types =
        [(MembershipType.Sustaining, "sustaining"), (MembershipType.Active, "active"), (MembershipType.Unknown, "unknown")];

    private static readonly (ReceiptWish Value, string Code)[] _receipts =
        [(ReceiptWish.Unknown, "unknown"), (ReceiptWish.Yes, "yes"), (ReceiptWish.No, "no")];

    private static readonly (ApplicantType Value, string Code)[] _applicants =
        [(ApplicantType.Person, "person"), (ApplicantType.Company, "company")];

    public RecordSchema Schema => mapping.Schema;

    public long IdOf(MembershipApplication entity) => entity.Id;

    public void AssignId(MembershipApplication entity, long id) => entity.AssignId(id);

    public MembershipApplication ToEntity(long id, Record record) => MembershipApplication.Recall(new MembershipState
    {
        Id = id,
        CreatedAt = record.Timestamp("created_at"),
        Type = ValueOf(_types, record.Text("type")),
        Applicant = ApplicantOf(record),
        FeeInCents = record.Integer("fee"),
        IntervalInMonths = checked((int)record.Integer("interval_months")),
        Payment = PaymentRecords.Of(record),
        Status = StatusOf(record),
        Receipt = ValueOf(_receipts, record.Text("receipt")),
        IsExported = record.Boolean("is_exported"),
        ExportedAt = record.Timestamp("exported_at"),
        IsBackedUp = record.Boolean("is_backed_up"),
        BackedUpAt = record.Timestamp("backed_up_at"),
        Tracking = TrackingOf(record),
        Tokens = TokenRecords.Of(record),
        Log = LogOf(record),
        Incentives = IncentivesOf(record),
        ModerationReasons = ReasonsOf(record),
    });

    public Record Apply(MembershipApplication entity, Record present)
    {
        var draft = new RecordDraft(mapping, present);
        if (entity.ErasesLeftovers)
        {
            // First: what the application was given after its erasure is written behind it.
            draft.ErasePersonal();
        }

        draft.Set("created_at", entity.CreatedAt);
        draft.Set("type", CodeOf(_types, entity.Type));
        draft.Set("fee", entity.FeeInCents);
        draft.Set("interval_months", (long)entity.IntervalInMonths);
        draft.Set("receipt", CodeOf(_receipts, entity.Receipt));
        draft.Set("is_exported", entity.IsExported);
        draft.Set("exported_at", entity.ExportedAt);
        draft.Set("is_backed_up", entity.IsBackedUp);
        draft.Set("backed_up_at", entity.BackedUpAt);
        ApplyParts(entity, present, draft);
        return draft.ToRecord();
    }

    private static void ApplyParts(MembershipApplication entity, Record present, RecordDraft draft)
    {
        WriteIfOther(entity.Payment, PaymentRecords.Of(present), payment => PaymentRecords.Write(draft, payment));
        WriteIfOther(entity.Status, StatusOf(present), status => WriteStatus(draft, status));
        WriteIfOther(entity.Tracking, TrackingOf(present), tracking => WriteTracking(draft, tracking));
        WriteIfOther(entity.Tokens, TokenRecords.Of(present), tokens => TokenRecords.Write(draft, tokens));
        WriteIfOther(entity.Applicant, ApplicantOf(present), applicant => WriteApplicant(draft, applicant));
        if (!entity.Log.SequenceEqual(LogOf(present)))
        {
            draft.Set("log_entries", entity.Log, entry => [entry.LoggedAt, entry.Message]);
        }

        if (!entity.Incentives.SequenceEqual(IncentivesOf(present)))
        {
            draft.Set("incentives", entity.Incentives, incentive => [incentive.Name]);
        }

        if (!entity.ModerationReasons.SequenceEqual(ReasonsOf(present)))
        {
            draft.Set("moderation_reasons", entity.ModerationReasons, reason => [reason.Identifier, reason.Source]);
        }
    }

    private static void WriteIfOther<T>(T wanted, T present, Action<T> write)
    {
        if (!Equals(wanted, present))
        {
            write(wanted);
        }
    }

    private static Applicant ApplicantOf(Record record)
    {
        var type = ValueOf(_applicants, record.Text("applicant.type"));
        var salutation = record.Text("applicant.salutation");
        return (record.Boolean("is_anonymized"), type) switch
        {
            (true, _) => new AnonymizedApplicant(type, salutation),
            (_, ApplicantType.Company) => new CompanyApplicant(record.Text("applicant.company"), salutation, ContactOf(record)),
            _ => new PersonApplicant(
                new PersonName(salutation, record.Text("applicant.title"), record.Text("applicant.first_name"), record.Text("applicant.last_name")),
                ContactOf(record), (DateOnly?)record.Visible("applicant.date_of_birth")),
        };
    }

    private static Contact ContactOf(Record record) => new(
        new Address(record.Text("applicant.street"), record.Text("applicant.postcode"), record.Text("applicant.city"), record.Text("applicant.country")),
        record.Text("applicant.email"), record.Text("applicant.phone"));

    private static void WriteApplicant(RecordDraft draft, Applicant applicant)
    {
        var person = applicant as PersonApplicant;
        var contact = person?.Contact ?? (applicant as CompanyApplicant)?.Contact ?? new Contact(new Address("", "", "", ""), "", "");
        draft.Set("applicant.type", CodeOf(_applicants, applicant.Type));
        draft.Set("applicant.salutation", applicant.Salutation);
        draft.Set("applicant.company", (applicant as CompanyApplicant)?.Company ?? "");
        draft.Set("applicant.title", person?.Name.Title ?? "");
        draft.Set("applicant.first_name", person?.Name.FirstName ?? "");
        draft.Set("applicant.last_name", person?.Name.LastName ?? "");
        draft.Set("applicant.full_name", person is null ? "" : FullNameOf(person.Name));
        draft.Set("applicant.date_of_birth", person?.DateOfBirth);
        draft.Set("applicant.street", contact.Address.Street);
        draft.Set("applicant.postcode", contact.Address.Postcode);
        draft.Set("applicant.city", contact.Address.City);
        draft.Set("applicant.country", contact.Address.Country);
        draft.Set("applicant.email", contact.Email);
        draft.Set("applicant.phone", contact.Phone);
        draft.Set("is_anonymized", applicant is AnonymizedApplicant);
    }

    // As the programs join it, for those that search and export by it. What PHP takes for nothing is left out: also "0".
    private static string FullNameOf(PersonName name) =>
        string.Join(' ', new[] { name.FirstName, name.LastName }.Where(part => part is not ("" or "0")));

    private static MembershipStatus StatusOf(Record record) => record.Text("status_evidence") switch
    {
        MembershipStatusConverter.Undecided => new UndecidedStatus(record.Integer("undecided_status")),
        MembershipStatusConverter.Missing => new UndecidedStatus(null),
        _ => new KnownStatus(
            record.Boolean("is_confirmed"), record.Boolean("is_cancelled"), record.Boolean("is_moderated"), record.Boolean("is_aborted")),
    };

    private static void WriteStatus(RecordDraft draft, MembershipStatus status)
    {
        var known = status as KnownStatus ?? new KnownStatus(false);
        draft.Set("is_confirmed", known.IsConfirmed);
        draft.Set("is_cancelled", known.IsCancelled);
        draft.Set("is_moderated", known.IsModerated);
        draft.Set("is_aborted", known.IsAborted);
        draft.Set("undecided_status", (status as UndecidedStatus)?.Number ?? 0L);
        draft.Set("status_evidence", status switch
        {
            UndecidedStatus { Number: null } => MembershipStatusConverter.Missing,
            UndecidedStatus => MembershipStatusConverter.Undecided,
            KnownStatus { IsAborted: true } => MembershipStatusConverter.Flags,
            _ => MembershipStatusConverter.Decided,
        });
    }

    private static Tracking? TrackingOf(Record record)
    {
        var tracking = new Tracking(
            record.Text("tracking.campaign"), record.Text("tracking.keyword"), record.Text("tracking.confirmation_page"),
            record.Text("tracking.confirmation_campaign"));
        return tracking == new Tracking("", "") ? null : tracking;
    }

    private static void WriteTracking(RecordDraft draft, Tracking? tracking)
    {
        draft.Set("tracking.campaign", tracking?.Campaign ?? "");
        draft.Set("tracking.keyword", tracking?.Keyword ?? "");
        draft.Set("tracking.confirmation_page", tracking?.ConfirmationPage ?? "");
        draft.Set("tracking.confirmation_campaign", tracking?.ConfirmationCampaign ?? "");
    }

    private static IReadOnlyList<LogEntry> LogOf(Record record) =>
        [.. record.List("log_entries").Rows.Select(row => new LogEntry((DateTime)row[0]!, (string)row[1]!))];

    private static IReadOnlyList<Incentive> IncentivesOf(Record record) =>
        [.. record.List("incentives").Rows.Select(row => new Incentive((string)row[0]!))];

    private static IReadOnlyList<ModerationReason> ReasonsOf(Record record) =>
        [.. record.List("moderation_reasons").Rows.Select(row => new ModerationReason((string)row[0]!, (string)row[1]!))];

    private static T ValueOf<T>((T Value, string Code)[] codes, string code) => Array.Find(codes, known => known.Code == code).Value;

    private static string CodeOf<T>((T Value, string Code)[] codes, T value) => Array.Find(codes, known => Equals(known.Value, value)).Code;
}
