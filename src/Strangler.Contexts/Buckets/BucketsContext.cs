using Strangler.Contexts.Buckets.Mapping;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Buckets;

/// <summary>The context <c>buckets</c>, put together for one process: its repositories on both sides and the wrapper over them.</summary>
public sealed class BucketsContext
{
    public const string Name = "buckets";

    /// <summary>Its only kind of entity.</summary>
    public const string BucketLogKind = "bucket-log";

    private readonly BucketLogRecords _records;

    private BucketsContext(BucketLogRecords records, LegacyBucketLogRepository legacy, BucketLogRepository @new)
    {
        _records = records;
        Legacy = legacy;
        New = @new;
    }

    /// <summary>Its line in the list of contexts.</summary>
    public static ContextDefinition Definition { get; } = new(Name, Compose) { Converters = new ConverterRegistry().AddBuckets() };

    /// <summary>The bare legacy repository.</summary>
    public LegacyBucketLogRepository Legacy { get; }

    /// <summary>The bare new repository.</summary>
    public BucketLogRepository New { get; }

    /// <summary>What frontends use.</summary>
    public BucketLogRepositoryWrapper BucketLogs { get; private set; } = null!;

    private static ContextParts Compose(ContextSides sides, IReadOnlyDictionary<string, CompiledMapping> mappings)
    {
        var mapping = mappings[BucketLogKind];
        var records = new BucketLogRecords(mapping);
        var context = new BucketsContext(
            records,
            new LegacyBucketLogRepository(sides.Legacy.Store, QueriesOf(sides.Legacy), mapping.Legacy, records),
            new BucketLogRepository(sides.New.Store, QueriesOf(sides.New), mapping.New, records));
        return new ContextParts([new EntityKind(BucketLogKind, context.Legacy, context.New) { Merging = mapping.Merging }], context, context.Attach);
    }

    private static ISqlQueries QueriesOf(SideSeams side) =>
        side.Queries ?? throw new NotSupportedException($"{Name} counts in SQL: both sides must be SQL stores.");

    private void Attach(ContextRuntime runtime, DualWriter writer) =>
        BucketLogs = new BucketLogRepositoryWrapper(writer, new LeadQueries(runtime), Legacy, New, _records);
}
