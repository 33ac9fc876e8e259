using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Buckets;

/// <summary>Between logs of buckets and their records. What the domain does not know (whether legacy stores a name cut off) stays as it is.</summary>
public sealed class BucketLogRecords(CompiledMapping mapping) : IEntityConverter<BucketLog>
{
    private static readonly (LoggedEvent Value, string Code)[] _events =
        [(LoggedEvent.DonationCreated, "donation_created"), (LoggedEvent.MembershipCreated, "membership_created")];

    public RecordSchema Schema => mapping.Schema;

    public long IdOf(BucketLog entity) => entity.Id;

    public void AssignId(BucketLog entity, long id) => entity.AssignId(id);

    /// <summary>The code of an event, as the new side's queries need it.</summary>
    internal static string CodeOf(LoggedEvent @event) => _events.First(known => known.Value == @event).Code;

    public BucketLog ToEntity(long id, Record record) => BucketLog.Recall(
        id,
        _events.First(known => known.Code == record.Text("event")).Value,
        record.Integer("external_id"),
        record.Timestamp("logged_at"),
        [.. record.List("buckets").Rows.Select(row => new Bucket((string)row[0]!, (string)row[1]!))]);

    public Record Apply(BucketLog entity, Record present) => present.With(
        ("event", CodeOf(entity.Event)),
        ("external_id", entity.ExternalId),
        ("logged_at", entity.LoggedAt),
        ("buckets", new RecordList([.. entity.Buckets.Select(bucket => (object?[])[bucket.Name, bucket.Campaign])])));
}
