using Strangler.Contexts.Common.EventLog;
using Strangler.Contexts.Memberships.Mapping;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Memberships;

/// <summary>
/// The context <c>memberships</c>, put together for one process: its repositories on both sides and the wrapper over them.
/// </summary>
public sealed class MembershipsContext
{
    public const string Name = "memberships";

    /// <summary>Its only kind of entity: an application for membership.</summary>
    public const string MembershipKind = "membership";

    private readonly MembershipRecords _records;

    private readonly TimeZoneInfo _zone;

    private MembershipsContext(MembershipRecords records, TimeZoneInfo zone, LegacyMembershipRepository legacy, MembershipRepository @new)
    {
        (_records, _zone) = (records, zone);
        Legacy = legacy;
        New = @new;
    }

    /// <summary>Its line in the list of contexts.</summary>
    public static ContextDefinition Definition { get; } = new(Name, Compose) { Converters = new ConverterRegistry().AddMemberships() };

    /// <summary>The bare legacy repository.</summary>
    public LegacyMembershipRepository Legacy { get; }

    /// <summary>The bare new repository.</summary>
    public MembershipRepository New { get; }

    /// <summary>What frontends use.</summary>
    public MembershipRepositoryWrapper Memberships { get; private set; } = null!;

    /// <summary>The lines that applications carry: who did what, when, from which program.</summary>
    public EventLogger<MembershipApplication> Events { get; private set; } = null!;

    private static ContextParts Compose(ContextSides sides, IReadOnlyDictionary<string, CompiledMapping> mappings)
    {
        var mapping = mappings[MembershipKind];
        var records = new MembershipRecords(mapping);
        var context = new MembershipsContext(
            records,
            mapping.TimeZone,
            new LegacyMembershipRepository(sides.Legacy.Store, QueriesOf(sides.Legacy), mapping.Legacy, records),
            new MembershipRepository(sides.New.Store, QueriesOf(sides.New), mapping.New, records));
        return new ContextParts([new EntityKind(MembershipKind, context.Legacy, context.New) { Merging = mapping.Merging }], context, context.Attach);
    }

    private static ISqlQueries QueriesOf(SideSeams side) =>
        side.Queries ?? throw new NotSupportedException($"{Name} asks its lists in SQL: both sides must be SQL stores.");

    private void Attach(ContextRuntime runtime, DualWriter writer)
    {
        Memberships = new MembershipRepositoryWrapper(writer, new LeadQueries(runtime), Legacy, New, _records);
        Events = new EventLogger<MembershipApplication>(
            Memberships, (application, at, text) => application.AddLog(at, text),
            application => application.Log.Select(entry => EventLine.Of(entry.LoggedAt, entry.Message)), runtime.Time, _zone);
    }
}
