using Strangler.Contexts.Common.EventLog;
using Strangler.DualWrite;
using Strangler.Contexts.Donations.Mapping;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Contexts.Donations;

/// <summary>The context <c>donations</c>, put together for one process: its repositories on both sides, the wrapper over them, its read models.</summary>
public sealed class DonationsContext
{
    public const string Name = "donations";

    /// <summary>Its only kind of entity.</summary>
    public const string DonationKind = "donation";

    private readonly DonationRecords _records;

    private readonly TimeZoneInfo _zone;

    private DonationsContext(DonationRecords records, TimeZoneInfo zone, LegacyDonationRepository legacy, DonationRepository @new)
    {
        (_records, _zone) = (records, zone);
        Legacy = legacy;
        New = @new;
    }

    /// <summary>Its line in the list of contexts.</summary>
    public static ContextDefinition Definition { get; } = new(Name, Compose) { Converters = new ConverterRegistry().AddDonations() };

    /// <summary>The bare legacy repository.</summary>
    public LegacyDonationRepository Legacy { get; }

    /// <summary>The bare new repository.</summary>
    public DonationRepository New { get; }

    /// <summary>What frontends use.</summary>
    public DonationRepositoryWrapper Donations { get; private set; } = null!;

    /// <summary>The public comment list.</summary>
    public CommentFinder Comments { get; private set; } = null!;

    /// <summary>The lines that donations carry: who did what, when, from which program.</summary>
    public EventLogger<Donation> Events { get; private set; } = null!;

    /// <summary>Whether a donation can be read and both sides could hold an ordinary change of it; false also when it is not there.</summary>
    public async Task<bool> CanBeChangedAsync(long id, CancellationToken cancellationToken)
    {
        var state = await Legacy.Store.ReadAsync(new EntityKey(DonationKind, id), cancellationToken).ConfigureAwait(false);
        if (state.Row is null)
        {
            return false;
        }

        try
        {
            var record = Legacy.Lens.Get(state.Row);
            var donation = _records.ToEntity(id, record);
            donation.AddLog(donation.CreatedAt, "-");
            Legacy.Lens.Put(_records.Apply(donation, record), state.Row);
            return true;
        }
        catch (Exception exception) when (exception is UnreadableException or CannotHoldException)
        {
            return false;
        }
    }

    private static ContextParts Compose(ContextSides sides, IReadOnlyDictionary<string, CompiledMapping> mappings)
    {
        var mapping = mappings[DonationKind];
        var records = new DonationRecords(mapping);
        var context = new DonationsContext(
            records,
            mapping.TimeZone,
            new LegacyDonationRepository(sides.Legacy.Store, mapping.Legacy, records),
            new DonationRepository(sides.New.Store, mapping.New, records));
        return new ContextParts([new EntityKind(DonationKind, context.Legacy, context.New) { Merging = mapping.Merging }], context, context.Attach);
    }

    private void Attach(ContextRuntime runtime, DualWriter writer)
    {
        Donations = new DonationRepositoryWrapper(writer, Legacy, New, _records);
        Comments = new CommentFinder(new LeadQueries(runtime), New.Lens.Layout);
        Events = new EventLogger<Donation>(
            Donations, (donation, at, text) => donation.AddLog(at, text), donation => donation.Log.Select(entry => EventLine.Of(entry.LoggedAt, entry.Message)),
            runtime.Time, _zone);
    }
}
