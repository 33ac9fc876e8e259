using System.Collections.Frozen;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Donations;

/// <summary>
/// Between donations and their records. Each part of a donation is written only if it differs from what the record already says, so that whatever the
/// domain does not know (stale data of another donor or payment type, unknown keys) stays as it is.
/// </summary>
public sealed class DonationRecords : IEntityConverter<Donation>
{
    private static readonly FrozenDictionary<PaymentState, string> StateCodes = new Dictionary<PaymentState, string>
    {
        [PaymentState.New] = "new",
        [PaymentState.Promised] = "promised",
        [PaymentState.Incomplete] = "incomplete",
        [PaymentState.Booked] = "booked",
        [PaymentState.Historical] = "historical",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, PaymentState> StatesByCode =
        StateCodes.ToFrozenDictionary(pair => pair.Value, pair => pair.Key);

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
        Payment = PaymentOf(record),
        PaymentState = StatesByCode[record.Text("payment_state")],
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
            draft.ErasePersonal();
        }

        draft.Set("created_at", entity.CreatedAt == default ? null : entity.CreatedAt);
        draft.Set("amount", entity.AmountInCents);
        draft.Set("interval_months", (long)entity.IntervalInMonths);
        draft.Set("payment_state", StateCodes[entity.PaymentState]);
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
        if (!Equals(entity.Payment, PaymentOf(present)))
        {
            WritePayment(draft, entity.Payment);
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
            draft.Set("log_entries", ListOf(entity.Log, entry => [entry.LoggedAt, entry.Message]));
        }

        if (!entity.ModerationReasons.SequenceEqual(ReasonsOf(present)))
        {
            draft.Set("moderation_reasons", ListOf(entity.ModerationReasons, reason => [reason.Identifier, reason.Source]));
        }

        if (!Equals(entity.Donor, DonorOf(present)))
        {
            WriteDonor(draft, entity.Donor);
        }

        return draft.ToRecord();
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

    private static Payment PaymentOf(Record record) => record.Text("payment_type") switch
    {
        "direct_debit" => new DirectDebitPayment(AccountOf(record)),
        "bank_transfer" => new BankTransferPayment(record.Text("bank_transfer.code")),
        "paypal" => new PayPalPayment(PayPalOf(record), FollowUpsOf(record)),
        "credit_card" => new CreditCardPayment(CardOf(record)),
        "legacy_credit_card" => new CreditCardPayment(CardOf(record), IsFormerProvider: true),
        "sofort" => new SofortPayment(
            record.Text("bank_transfer.code"), record.Boolean("sofort.is_registered"), record.Timestamp("sofort.confirmed_at"), SofortOf(record)),
        "cash" => new CashPayment(),
        var type => throw new InvalidOperationException($"No payment class for the payment type '{type}'."),
    };

    private static BankAccount? AccountOf(Record record)
    {
        var account = new BankAccount(
            record.Text("direct_debit.iban"),
            record.Text("direct_debit.bic"),
            record.Text("direct_debit.account_number"),
            record.Text("direct_debit.bank_code"),
            record.Text("direct_debit.bank_name"));
        return account == new BankAccount("", "") ? null : account;
    }

    private static PayPalBooking? PayPalOf(Record record)
    {
        var booking = new PayPalBooking
        {
            TransactionId = record.Text("provider.transaction_id"),
            PayerId = record.Text("paypal.payer_id"),
            SubscriptionId = record.Text("paypal.subscription_id"),
            PayerStatus = record.Text("paypal.payer_status"),
            AddressStatus = record.Text("paypal.address_status"),
            GrossInCents = record.Integer("paypal.gross"),
            Currency = record.Text("paypal.currency"),
            FeeInCents = record.Integer("paypal.fee"),
            SettleAmountInCents = record.Integer("paypal.settle_amount"),
            FirstName = record.Text("paypal.first_name"),
            LastName = record.Text("paypal.last_name"),
            AddressName = record.Text("paypal.address_name"),
            PaymentType = record.Text("provider.payment_type"),
            Status = record.Text("provider.status"),
            Timestamp = record.Text("provider.timestamp"),
            ParentPaymentId = record.Integer("provider.parent_payment_id"),
        };
        return booking == new PayPalBooking() ? null : booking;
    }

    private static FollowUps FollowUpsOf(Record record)
    {
        var rows = record.List("follow_ups").Rows;
        return rows.Count == 0 ? FollowUps.None : new([.. rows.Select(row => new FollowUp((string)row[0]!, (long)row[1]!))]);
    }

    private static CreditCardBooking? CardOf(Record record)
    {
        var booking = new CreditCardBooking
        {
            TransactionId = record.Text("provider.transaction_id"),
            CustomerId = record.Text("provider.account"),
            SessionId = record.Text("credit_card.session_id"),
            AuthId = record.Text("credit_card.auth"),
            Title = record.Text("credit_card.title"),
            Country = record.Text("credit_card.country"),
            Currency = record.Text("credit_card.currency"),
            Expiry = record.Text("credit_card.expiry"),
            AmountInCents = record.Integer("credit_card.amount"),
            FormerAmountInCents = record.Integer("credit_card.legacy_amount"),
            PaymentType = record.Text("provider.payment_type"),
            Status = record.Text("provider.status"),
            Timestamp = record.Text("provider.timestamp"),
        };
        return booking == new CreditCardBooking() ? null : booking;
    }

    private static SofortBooking? SofortOf(Record record)
    {
        var booking = new SofortBooking(record.Text("sofort.transaction_id"), record.Timestamp("sofort.valuation_date"));
        return booking == new SofortBooking("", null) ? null : booking;
    }

    private static void WritePayment(RecordDraft draft, Payment payment)
    {
        switch (payment)
        {
            case DirectDebitPayment debit:
                draft.Set("payment_type", "direct_debit");
                var account = debit.Account ?? new BankAccount("", "");
                draft.Set("direct_debit.iban", account.Iban);
                draft.Set("direct_debit.bic", account.Bic);
                draft.Set("direct_debit.account_number", account.AccountNumber);
                draft.Set("direct_debit.bank_code", account.BankCode);
                draft.Set("direct_debit.bank_name", account.BankName);
                break;
            case BankTransferPayment transfer:
                draft.Set("payment_type", "bank_transfer");
                draft.Set("bank_transfer.code", transfer.TransferCode);
                break;
            case PayPalPayment payPal:
                draft.Set("payment_type", "paypal");
                WritePayPal(draft, payPal.Booking ?? new PayPalBooking());
                draft.Set("follow_ups", ListOf(payPal.FollowUps.Items, item => [item.TransactionId, item.DonationId]));
                break;
            case CreditCardPayment card:
                draft.Set("payment_type", card.IsFormerProvider ? "legacy_credit_card" : "credit_card");
                WriteCard(draft, card.Booking ?? new CreditCardBooking());
                break;
            case SofortPayment sofort:
                draft.Set("payment_type", "sofort");
                draft.Set("bank_transfer.code", sofort.TransferCode);
                draft.Set("sofort.is_registered", sofort.IsRegistered);
                draft.Set("sofort.confirmed_at", sofort.ConfirmedAt);
                draft.Set("sofort.transaction_id", sofort.Booking?.TransactionId ?? "");
                draft.Set("sofort.valuation_date", sofort.Booking?.ValuationDate);
                break;
            case CashPayment:
                draft.Set("payment_type", "cash");
                break;
            default:
                throw new ArgumentException($"No rule to store a {payment.GetType().Name}.", nameof(payment));
        }
    }

    private static void WritePayPal(RecordDraft draft, PayPalBooking booking)
    {
        draft.Set("provider.transaction_id", booking.TransactionId);
        draft.Set("paypal.payer_id", booking.PayerId);
        draft.Set("paypal.subscription_id", booking.SubscriptionId);
        draft.Set("paypal.payer_status", booking.PayerStatus);
        draft.Set("paypal.address_status", booking.AddressStatus);
        draft.Set("paypal.gross", booking.GrossInCents);
        draft.Set("paypal.currency", booking.Currency);
        draft.Set("paypal.fee", booking.FeeInCents);
        draft.Set("paypal.settle_amount", booking.SettleAmountInCents);
        draft.Set("paypal.first_name", booking.FirstName);
        draft.Set("paypal.last_name", booking.LastName);
        draft.Set("paypal.address_name", booking.AddressName);
        draft.Set("provider.payment_type", booking.PaymentType);
        draft.Set("provider.status", booking.Status);
        draft.Set("provider.timestamp", booking.Timestamp);
        draft.Set("provider.parent_payment_id", booking.ParentPaymentId);
    }

    private static void WriteCard(RecordDraft draft, CreditCardBooking booking)
    {
        draft.Set("provider.transaction_id", booking.TransactionId);
        draft.Set("provider.account", booking.CustomerId);
        draft.Set("credit_card.session_id", booking.SessionId);
        draft.Set("credit_card.auth", booking.AuthId);
        draft.Set("credit_card.title", booking.Title);
        draft.Set("credit_card.country", booking.Country);
        draft.Set("credit_card.currency", booking.Currency);
        draft.Set("credit_card.expiry", booking.Expiry);
        draft.Set("credit_card.amount", booking.AmountInCents);
        draft.Set("credit_card.legacy_amount", booking.FormerAmountInCents);
        draft.Set("provider.payment_type", booking.PaymentType);
        draft.Set("provider.status", booking.Status);
        draft.Set("provider.timestamp", booking.Timestamp);
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

    private static RecordList ListOf<T>(IReadOnlyList<T> items, Func<T, object?[]> row) =>
        items.Count == 0 ? RecordList.Empty : new RecordList([.. items.Select(row)]);

    /// <summary>The changes of one Apply: a hidden value stays hidden while the entity says what was derived for it.</summary>
    private sealed class RecordDraft(CompiledMapping mapping, Record present)
    {
        private Record _record = present;

        public void Set(string field, object? value)
        {
            if (!Record.ValuesEqual(_record.Visible(field), value))
            {
                _record = mapping.Change(_record, field, value);
            }
        }

        /// <summary>
        /// Personal data in places that no donor type names: stale payment data, leftovers of old programs. A public comment stays, with
        /// its signature; a signature without a comment does not.
        /// </summary>
        public void ErasePersonal()
        {
            var hasComment = _record.Text("comment.text").Length > 0;
            foreach (var field in _record.Schema.Fields.Where(field => field.Personal && field.Type != FieldType.List))
            {
                if (!hasComment || field.Name is not ("comment.text" or "comment.author"))
                {
                    Set(field.Name, field.Default);
                }
            }

            Set("follow_ups", RecordList.Empty);
            _record = mapping.WithoutPersonalExtras(_record);
        }

        public Record ToRecord() => _record;
    }
}
