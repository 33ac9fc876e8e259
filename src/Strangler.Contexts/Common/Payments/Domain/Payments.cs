namespace Strangler.Contexts.Common.Payments;

/// <summary>
/// Where the payment stands, apart from cancellation and moderation: what is paid for may be cancelled or held back in any of these states.
/// </summary>
public enum PaymentState
{
    /// <summary>Direct debit: needs no booking step.</summary>
    New,

    /// <summary>The payer promised to pay (bank transfer), or an instant transfer was confirmed.</summary>
    Promised,

    /// <summary>Sent to an external provider, no notification yet.</summary>
    Incomplete,

    /// <summary>The external provider has booked it.</summary>
    Booked,

    /// <summary>An old marker that says nothing of the payment; kept as it is.</summary>
    Historical,
}

/// <summary>How the money comes. What is optional stands in each type.</summary>
public abstract record Payment
{
    /// <summary>The state a new payment of this type begins in.</summary>
    public abstract PaymentState InitialState { get; }

    /// <summary>
    /// The same payment without personal data: accounts, names, codes, and the ids by which a provider knows who it was. What bookkeeping needs stays: amounts,
    /// fees, states and times.
    /// </summary>
    public virtual Payment Anonymized() => this;
}

/// <summary>A bank account; IBAN upper case without blanks, BIC may be "".</summary>
public sealed record BankAccount(string Iban, string Bic, string AccountNumber = "", string BankCode = "", string BankName = "");

/// <summary>Collected from the payer's account; the account is null once it was erased or never recorded.</summary>
public sealed record DirectDebitPayment(BankAccount? Account) : Payment
{
    public override PaymentState InitialState => PaymentState.New;

    public override Payment Anonymized() => new DirectDebitPayment((BankAccount?)null);
}

/// <summary>The payer transfers, quoting the code; "" once it was erased or never recorded.</summary>
public sealed record BankTransferPayment(string TransferCode) : Payment
{
    public override PaymentState InitialState => PaymentState.Promised;

    public override Payment Anonymized() => new BankTransferPayment("");
}

/// <summary>PayPal; without a booking until the provider has notified us.</summary>
/// <param name="FollowUps">Later payments of a recurring one that became records of their own.</param>
public sealed record PayPalPayment(PayPalBooking? Booking, FollowUps FollowUps) : Payment
{
    public PayPalPayment(PayPalBooking? booking)
        : this(booking, FollowUps.None)
    {
    }

    /// <summary>When the first payment of a recurring one is due, known before it is booked; the program's own text, "" for none.</summary>
    public string FirstPaymentDate { get; init; } = "";

    /// <summary>Of a later payment of a recurring one: the public id of the record that it follows. 0: it follows none, or does not say.</summary>
    public long ParentId { get; init; }

    /// <summary>Old records may name several that they follow. Which is right, nobody can tell; somebody who knows may.</summary>
    public bool NamesSeveralParents { get; init; }

    public override PaymentState InitialState => Booking is null ? PaymentState.Incomplete : PaymentState.Booked;

    public override Payment Anonymized() => this with
    {
        Booking = Booking is null ? null : Booking with
        {
            TransactionId = "", PayerId = "", SubscriptionId = "", FirstName = "", LastName = "", AddressName = "",
        },
        FollowUps = FollowUps.None,
    };
}

/// <summary>What PayPal notified. Amounts in cents; the timestamp is the provider's own text.</summary>
public sealed record PayPalBooking
{
    public string TransactionId { get; init; } = "";

    public string PayerId { get; init; } = "";

    public string SubscriptionId { get; init; } = "";

    public string PayerStatus { get; init; } = "";

    public string AddressStatus { get; init; } = "";

    public long GrossInCents { get; init; }

    public string Currency { get; init; } = "";

    public long FeeInCents { get; init; }

    public long SettleAmountInCents { get; init; }

    public string FirstName { get; init; } = "";

    public string LastName { get; init; } = "";

    public string AddressName { get; init; } = "";

    public string PaymentType { get; init; } = "";

    public string Status { get; init; } = "";

    public string Timestamp { get; init; } = "";

    /// <summary>Id of the parent's payment, as programs of 2022 and later number payments; 0 = none.</summary>
    public long ParentPaymentId { get; init; }
}

/// <summary>Provider transactions and the records they became, in order.</summary>
public sealed class FollowUps(IReadOnlyList<FollowUp> items) : IEquatable<FollowUps>
{
    public static readonly FollowUps None = new([]);

    public IReadOnlyList<FollowUp> Items { get; } = items;

    public FollowUps Add(FollowUp followUp) => new([.. Items, followUp]);

    public bool Equals(FollowUps? other) => other is not null && Items.SequenceEqual(other.Items);

    public override bool Equals(object? obj) => Equals(obj as FollowUps);

    public override int GetHashCode() => Items.Count;
}

/// <summary>One later payment of a recurring one.</summary>
/// <param name="Id">The public id of the record that it became.</param>
public sealed record FollowUp(string TransactionId, long Id);

/// <summary>Credit card; without a booking until the provider has notified us. Also the provider used before 2016.</summary>
public sealed record CreditCardPayment(CreditCardBooking? Booking, bool IsFormerProvider = false) : Payment
{
    public override PaymentState InitialState => Booking is null ? PaymentState.Incomplete : PaymentState.Booked;

    public override Payment Anonymized() => this with
    {
        Booking = Booking is null ? null : Booking with
        {
            TransactionId = "", CustomerId = "", SessionId = "", AuthId = "", Title = "", Expiry = "",
        },
    };
}

/// <summary>What the card provider notified. Amounts in cents; expiry is month/year as the provider writes it.</summary>
public sealed record CreditCardBooking
{
    public string TransactionId { get; init; } = "";

    public string CustomerId { get; init; } = "";

    public string SessionId { get; init; } = "";

    public string AuthId { get; init; } = "";

    public string Title { get; init; } = "";

    public string Country { get; init; } = "";

    public string Currency { get; init; } = "";

    public string Expiry { get; init; } = "";

    public long AmountInCents { get; init; }

    public long FormerAmountInCents { get; init; }

    public string PaymentType { get; init; } = "";

    public string Status { get; init; } = "";

    public string Timestamp { get; init; } = "";
}

/// <summary>Instant bank transfer. Confirmed when the provider has said so; a record of the provider may exist before that.</summary>
public sealed record SofortPayment(string TransferCode, bool IsRegistered, DateTime? ConfirmedAt, SofortBooking? Booking) : Payment
{
    public SofortPayment(string transferCode)
        : this(transferCode, true, null, null)
    {
    }

    public override PaymentState InitialState => ConfirmedAt is null ? PaymentState.Incomplete : PaymentState.Promised;

    public override Payment Anonymized() => this with
    {
        TransferCode = "", Booking = Booking?.ValuationDate is null ? null : Booking with { TransactionId = "" },
    };
}

/// <summary>Booking data that later versions of the frontend keep for instant transfers.</summary>
public sealed record SofortBooking(string TransactionId, DateTime? ValuationDate);

/// <summary>Cash: no data of its own.</summary>
public sealed record CashPayment : Payment
{
    public override PaymentState InitialState => PaymentState.Booked;
}
