using System.Collections.Frozen;
using Strangler.Contexts.Common.Payments.Mapping;
using Strangler.Mapping;

namespace Strangler.Contexts.Common.Payments;

/// <summary>
/// Between payments and the fields that hold them in a record: of the same names in every context that has payments, in tables of its own. A context whose
/// mapping lacks a field lacks that part of a payment.
/// </summary>
internal static class PaymentRecords
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

    public static PaymentState StateOf(Record record) => StatesByCode[record.Text("payment_state")];

    public static string CodeOf(PaymentState state) => StateCodes[state];

    public static Payment Of(Record record) => record.Text("payment_type") switch
    {
        "direct_debit" => new DirectDebitPayment(AccountOf(record)),
        "bank_transfer" => new BankTransferPayment(record.Text("bank_transfer.code")),
        "paypal" => new PayPalPayment(BookingOf(record), FollowUpsOf(record))
        {
            FirstPaymentDate = record.Schema.Has("paypal.first_payment_date") ? record.Text("paypal.first_payment_date") : "",
            ParentId = record.Schema.Has("paypal.parent_id") ? record.Integer("paypal.parent_id") : 0,
            NamesSeveralParents = record.Schema.Has("paypal.parent_evidence") && record.Text("paypal.parent_evidence") == FollowUpParentConverter.Ambiguous,
        },
        "credit_card" => new CreditCardPayment(CardOf(record)),
        "legacy_credit_card" => new CreditCardPayment(CardOf(record), IsFormerProvider: true),
        "sofort" => new SofortPayment(
            record.Text("bank_transfer.code"), record.Boolean("sofort.is_registered"), record.Timestamp("sofort.confirmed_at"), SofortOf(record)),
        "cash" => new CashPayment(),
        var type => throw new InvalidOperationException($"No payment class for the payment type '{type}'."),
    };

    /// <summary>Writes only the fields of the payment's own type: what another type has left behind stays.</summary>
    /// <exception cref="CannotHoldException">The context has no such payments.</exception>
    public static void Write(RecordDraft draft, Payment payment)
    {
        draft.Set("payment_type", TypeOf(draft, payment));
        switch (payment)
        {
            case DirectDebitPayment debit:
                WriteAccount(draft, debit.Account ?? new BankAccount("", ""));
                break;
            case BankTransferPayment transfer:
                draft.Set("bank_transfer.code", transfer.TransferCode);
                break;
            case PayPalPayment payPal:
                WriteBooking(draft, payPal.Booking ?? new PayPalBooking());
                WriteFollowUps(draft, payPal.FollowUps);
                draft.SetIfThere("paypal.first_payment_date", payPal.FirstPaymentDate);
                WriteParent(draft, payPal);
                break;
            case CreditCardPayment card:
                WriteCard(draft, card.Booking ?? new CreditCardBooking());
                break;
            case SofortPayment sofort:
                draft.Set("bank_transfer.code", sofort.TransferCode);
                draft.Set("sofort.is_registered", sofort.IsRegistered);
                draft.Set("sofort.confirmed_at", sofort.ConfirmedAt);
                draft.Set("sofort.transaction_id", sofort.Booking?.TransactionId ?? "");
                draft.Set("sofort.valuation_date", sofort.Booking?.ValuationDate);
                break;
        }
    }

    private static string TypeOf(RecordDraft draft, Payment payment)
    {
        var type = payment switch
        {
            DirectDebitPayment => "direct_debit",
            BankTransferPayment => "bank_transfer",
            PayPalPayment => "paypal",
            CreditCardPayment card => card.IsFormerProvider ? "legacy_credit_card" : "credit_card",
            SofortPayment => "sofort",
            CashPayment => "cash",
            _ => throw new ArgumentException($"No rule to store a {payment.GetType().Name}.", nameof(payment)),
        };
        return draft.Schema.Fields[draft.Schema.OrdinalOf("payment_type")].Codes.Contains(type)
            ? type
            : throw new CannotHoldException("payment_type", $"{draft.Schema.Context} knows no payments of the type {type}");
    }

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

    private static void WriteAccount(RecordDraft draft, BankAccount account)
    {
        draft.Set("direct_debit.iban", account.Iban);
        draft.Set("direct_debit.bic", account.Bic);
        draft.Set("direct_debit.account_number", account.AccountNumber);
        draft.Set("direct_debit.bank_code", account.BankCode);
        draft.Set("direct_debit.bank_name", account.BankName);
    }

    private static PayPalBooking? BookingOf(Record record)
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
            ParentPaymentId = record.Schema.Has("provider.parent_payment_id") ? record.Integer("provider.parent_payment_id") : 0,
        };
        return booking == new PayPalBooking() ? null : booking;
    }

    private static void WriteBooking(RecordDraft draft, PayPalBooking booking)
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
        draft.SetIfThere("provider.parent_payment_id", booking.ParentPaymentId);
    }

    private static void WriteParent(RecordDraft draft, PayPalPayment payment)
    {
        draft.SetIfThere("paypal.parent_id", payment.ParentId);
        if (draft.Schema.Has("paypal.parent_evidence"))
        {
            draft.Set("paypal.parent_evidence", payment switch
            {
                { NamesSeveralParents: true } => FollowUpParentConverter.Ambiguous,
                { ParentId: > 0 } => FollowUpParentConverter.Named,
                _ => FollowUpParentConverter.None,
            });
        }
    }

    private static FollowUps FollowUpsOf(Record record) =>
        record.Schema.Has("follow_ups") && record.List("follow_ups") is { Count: > 0 } list
            ? new FollowUps([.. list.Rows.Select(row => new FollowUp((string)row[0]!, (long)row[1]!))])
            : FollowUps.None;

    private static void WriteFollowUps(RecordDraft draft, FollowUps followUps) => draft.SetIfThere(
        "follow_ups",
        followUps.Items.Count == 0 ? RecordList.Empty : new RecordList([.. followUps.Items.Select(item => new object?[] { item.TransactionId, item.Id })]));

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

    private static SofortBooking? SofortOf(Record record)
    {
        var booking = new SofortBooking(record.Text("sofort.transaction_id"), record.Timestamp("sofort.valuation_date"));
        return booking == new SofortBooking("", null) ? null : booking;
    }
}
