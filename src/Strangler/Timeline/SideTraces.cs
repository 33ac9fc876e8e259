using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Timeline;

/// <summary>What the rows of a side's own tables tell, whatever store they are in. Times are UTC, by that side's clock.</summary>
public sealed class SideTraces(SideName side)
{
    /// <summary>Of the entity row.</summary>
    /// <param name="atUtc">When it changed; null when that was not stored.</param>
    /// <param name="version">The version.</param>
    /// <param name="deleted">Whether it is a tombstone.</param>
    /// <param name="writer">Who wrote it; empty for what was accepted from the other side.</param>
    /// <param name="leads">Whether the side leads, or is being switched.</param>
    public Trace Entity(DateTime? atUtc, EntityVersion version, bool deleted, string writer, bool leads)
    {
        var (wrote, foreign) = (writer.Length > 0, IsForeign(writer));
        return new Trace(
            atUtc,
            side,
            deleted ? TraceKind.Delete : foreign ? TraceKind.Foreign : wrote ? TraceKind.Write : TraceKind.Apply,
            version,
            writer,
            foreign ? (deleted ? "deleted by another program, and merged into this side" : "another program's write to legacy, merged into this side")
            : wrote ? (deleted ? "deleted: the last write of this side" : "the last write of this side")
            : version.Counter == 0 ? "brought over by the backfill"
            : leads ? "its writer was not stored"
            : deleted ? "accepted the delete of the other side" : "accepted the state of the other side");
    }

    /// <summary>Of a journal row.</summary>
    public Trace Journal(DateTime atUtc, string actor, string origin, EntityVersion version, string state, long attempts, string lastError)
    {
        var foreign = origin != "own";
        var failed = attempts > 0 ? string.Create(CultureInfo.InvariantCulture, $"; {attempts} attempts, last: {lastError}") : "";
        return new Trace(
            atUtc,
            side,
            state == "parked" ? TraceKind.Parked : foreign ? TraceKind.Foreign : TraceKind.Waiting,
            foreign ? null : version,
            actor,
            (foreign && side == SideName.New ? "a write of another program, merged here; legacy lacks the result"
                : foreign ? "a write of another program; the other side lacks it" : "a write that the other side lacks") + failed);
    }

    /// <summary>Of a stored request key.</summary>
    public Trace Request(DateTime atUtc, EntityVersion version) =>
        new(atUtc, side, TraceKind.Write, version, "", "a write under a request key (kept for 7 days)");

    /// <summary>Of a row of the audit trail.</summary>
    public Trace Audit(DateTime atUtc, string actor, string action, string reason, string detail) => new(
        atUtc,
        side,
        action switch
        {
            "repair" => TraceKind.Repair,
            "sign-off" => TraceKind.SignOff,
            "reveal" => TraceKind.Reveal,
            _ => TraceKind.Audit,
        },
        null,
        actor,
        reason.Length == 0 ? $"{action}: {detail}" : $"{action}: {detail}; {reason}");

    /// <summary>Of a lost obligation.</summary>
    public Trace Lost(DateTime atUtc) => new(atUtc, side, TraceKind.LostObligation, null, "", "the follower is behind, and no journal row says so");

    /// <summary>Of shadow reads that differed.</summary>
    public Trace Shadow(DateTime atUtc, long hits, string fields) => new(
        atUtc, side, TraceKind.ShadowRead, null, "",
        string.Create(CultureInfo.InvariantCulture, $"shadow reads differed {hits} times, this was the last: {fields}"));

    /// <summary>Of an open conflict.</summary>
    public Trace Conflict(DateTime sinceUtc, string writer, string reason) => new(
        sinceUtc, side, TraceKind.Foreign, null, writer,
        $"in conflict: another program and the new side changed the same; {(reason.Length > 0 ? reason : "no owner is declared")}");

    // Only on the new side: legacy's entity row names the database user who wrote past us.
    private bool IsForeign(string writer) => side == SideName.New && writer.StartsWith("foreign ", StringComparison.Ordinal);
}
