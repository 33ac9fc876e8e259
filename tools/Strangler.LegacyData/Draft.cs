using System.Globalization;
using Strangler.Mapping.Php;

namespace Strangler.LegacyData;

/// <summary>A row in the making: columns by name, the blob as an array, and what the scene says about it.</summary>
internal sealed class Draft
{
    private readonly object?[] _values = new object?[Columns.All.Length];
    private readonly List<string> _kinds = [];
    private string? _rawData;
    private bool _hasRawData;

    public PhpArray Blob { get; set; } = new(48);

    public string DonorType { get; set; } = "";

    public string Salutation { get; set; } = "";

    public LegacySofortPayment? Payment { get; set; }

    public bool IsConfirmationSent { get; set; }

    public DateTime Created { get; set; }

    public int Id => (int)this["id"]!;

    public string Status => (string)this["status"]!;

    public object? this[string column]
    {
        get => _values[LegacyDonation.PositionOf(column)];
        set => _values[LegacyDonation.PositionOf(column)] = value;
    }

    public static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    public Draft With(string column, object? value)
    {
        this[column] = value;
        return this;
    }

    public Draft Put(string key, string value)
    {
        Blob.Set(key, PhpString.Of(value));
        return this;
    }

    public Draft Put(string key, long value)
    {
        Blob.Set(key, PhpInt.Of(value));
        return this;
    }

    public Draft Put(string key, PhpValue value)
    {
        Blob.Set(key, value);
        return this;
    }

    public Draft Drop(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            Blob.Remove(key);
        }

        return this;
    }

    public Draft Log(DateTime time, string message)
    {
        if (!Blob.TryGet("log", out var log))
        {
            log = new PhpArray();
            Blob.Set("log", log);
        }

        ((PhpArray)log).Set(Time(time), PhpString.Of(message));
        return this;
    }

    public Draft Tag(string kind)
    {
        if (!_kinds.Contains(kind))
        {
            _kinds.Add(kind);
        }

        return this;
    }

    /// <summary>What the column shall hold in place of the encoded blob.</summary>
    public Draft RawData(string? data)
    {
        _rawData = data;
        _hasRawData = true;
        return this;
    }

    public LegacyDonation Finish()
    {
        this["data"] = _hasRawData ? _rawData : PhpBlob.Encode(Blob);
        TagStates();
        return new LegacyDonation(_values, _kinds, Payment, IsConfirmationSent);
    }

    private void TagStates()
    {
        Tag("status-" + Status);
        Tag("payment-" + this["zahlweise"]);
        Tag("interval-" + ((int)this["periode"]!).ToString(CultureInfo.InvariantCulture));
        Tag("donor-" + (DonorType.Length == 0 ? "unknown" : DonorType));
        Tag("salutation-" + (Salutation.Length == 0 ? "none" : Salutation));
        Tag(this["dt_gruen"] is string exported && !exported.StartsWith("0000", StringComparison.Ordinal)
            && !exported.StartsWith("1970", StringComparison.Ordinal) ? "exported" : "not-exported");
        Tag(this["bescheinigung"] switch { null => "receipt-unknown", 0 => "receipt-no", _ => "receipt-yes" });
        Tag(this["info"] is 0 ? "newsletter-no" : "newsletter-yes");
        if (this["kommentar"] is not "")
        {
            Tag(this["is_public"] is 0 ? "comment-private" : "comment-public");
        }

        if (this["ueb_code"] is string { Length: > 4 } code && code[0] is ('X' or 'W'))
        {
            Tag(code[0] == 'X' ? "transfer-code-new" : "transfer-code-old");
        }

        if (IsConfirmationSent)
        {
            Tag("confirmation-sent");
        }
    }
}
