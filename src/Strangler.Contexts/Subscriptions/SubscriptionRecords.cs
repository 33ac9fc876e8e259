using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Subscriptions;

/// <summary>
/// Between subscriptions and their records. What the domain does not know (the form in which a code is stored, extras) stays as it is.
/// </summary>
/// <param name="mapping">The context's mapping: it knows which raw legacy values a change makes void.</param>
public sealed class SubscriptionRecords(CompiledMapping mapping) : IEntityConverter<Subscription>
{
    private static readonly (Confirmation Value, string Code)[] _confirmations =
    [
        (Confirmation.Unconfirmed, "unconfirmed"), (Confirmation.Confirmed, "confirmed"), (Confirmation.Unknown, "unknown"),
    ];

    public RecordSchema Schema => mapping.Schema;

    public long IdOf(Subscription entity) => entity.Id;

    public void AssignId(Subscription entity, long id) => entity.AssignId(id);

    public Subscription ToEntity(long id, Record record) => Subscription.Recall(new SubscriptionState
    {
        Id = id,
        CreatedAt = record.Timestamp("created_at"),
        Email = record.Text("email"),
        FullName = record.Text("full_name"),
        Confirmation = _confirmations.First(known => known.Code == record.Text("confirmation")).Value,
        ConfirmationCode = record.Text("confirmation_code.code"),
        Tracking = TrackingOf(record),
        Source = record.Text("source"),
        IsModerated = record.Boolean("is_moderated"),
        IsExported = record.Boolean("is_exported"),
        ExportedAt = record.Timestamp("exported_at"),
        IsBackedUp = record.Boolean("is_backed_up"),
        BackedUpAt = record.Timestamp("backed_up_at"),
        IsAnonymized = record.Boolean("is_anonymized"),
    });

    public Record Apply(Subscription entity, Record present)
    {
        var record = entity.ErasesLeftovers ? mapping.WithoutPersonalExtras(present) : present;
        Set("created_at", entity.CreatedAt);
        Set("email", entity.Email);
        Set("full_name", entity.FullName);
        Set("confirmation", _confirmations.First(known => known.Value == entity.Confirmation).Code);
        Set("is_moderated", entity.IsModerated);
        Set("is_exported", entity.IsExported);
        Set("exported_at", entity.ExportedAt);
        Set("is_backed_up", entity.IsBackedUp);
        Set("backed_up_at", entity.BackedUpAt);
        Set("is_anonymized", entity.IsAnonymized);
        Set("source", entity.Source);
        if (entity.ConfirmationCode != present.Text("confirmation_code.code"))
        {
            // A code of today is text; only what was there before may be bytes.
            Set("confirmation_code.code", entity.ConfirmationCode);
            Set("confirmation_code.form", "text");
        }

        if (entity.Tracking != TrackingOf(present))
        {
            Set("tracking.campaign", entity.Tracking?.Campaign ?? "");
            Set("tracking.keyword", entity.Tracking?.Keyword ?? "");
        }

        return record;

        // A hidden value stays hidden while the entity says what was derived for it.
        void Set(string field, object? value)
        {
            if (!Record.ValuesEqual(record.Visible(field), value))
            {
                record = mapping.Change(record, field, value);
            }
        }
    }

    private static Tracking? TrackingOf(Record record)
    {
        var tracking = new Tracking(record.Text("tracking.campaign"), record.Text("tracking.keyword"));
        return tracking == new Tracking("", "") ? null : tracking;
    }
}
