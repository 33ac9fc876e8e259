using System.CommandLine;
using System.Globalization;
using Strangler.Cli.Terminal;
using Strangler.DualWrite;
using Strangler.Service;
using Strangler.Timeline;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler timeline</c>: all that is known of one entity.</summary>
internal static class TimelineCommand
{
    public static Command Create(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var id = new Argument<long>("id") { Description = "A public id" };
        var kind = new Option<string?>("--kind") { Description = "The kind of entity [default: the context's only one]" };
        var command = new Verb(
            "timeline",
            """
            Everything that is known of one entity: writes, applies, checks, repairs, quarantine, by whom and when

            Nothing is written down for it alone, so that no write gets slower. Known are, without any value: of each side the last write or apply
            with its version, writer and time; writes of the last 7 days that carried a request key; writes that the other side still lacks, parked
            ones with their last error; lost obligations; shadow reads that differed; quarantine; repairs, sign-offs and revelations of clear values
            with actor and reason; and of the last 200 reconciliations those that list the entity. Earlier writes than the last are not kept.

            Examples:
              strangler timeline donations 4711
              strangler timeline donations 4711 --json

            Exit codes: 0 known · 1 nothing is known of this id · 2 could not run
            """) { context, id, kind };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var publicId = run.Parsed.GetRequiredValue(id);
            StandardOptions.CheckId(publicId);
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var key = new EntityKey(host.KindOf(run.Parsed.GetValue(kind)), publicId);
            var reader = new TimelineReader(host.Runtime, name => host.Mappings[name].ErasedBy);
            var timeline = await reader.ReadAsync(key, token).ConfigureAwait(false);
            Show(run.Output, host.Name, timeline);
            return timeline.IsKnown ? ExitCodes.Ok : ExitCodes.Found;
        });
        return command;
    }

    private static void Show(Output output, string context, EntityTimeline timeline)
    {
        if (output.IsJson)
        {
            output.Json(Shapes.Timeline(context, timeline));
            return;
        }

        output.Line($"{timeline.Key}{(timeline.NewId is { } newId ? string.Create(CultureInfo.InvariantCulture, $" ↔ new id {newId}") : "")}");
        output.Line($"  legacy: {timeline.Legacy}");
        output.Line($"  new: {timeline.New ?? "not asked: the context is in LegacyOnly"}");
        if (timeline.Traces.Count > 0)
        {
            output.Table(["when (UTC)", "side", "event", "version", "by", "what"], timeline.Traces.Select(Row));
        }
    }

    private static IReadOnlyList<string> Row(Trace trace) =>
    [
        trace.AtUtc is { } at ? at.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture) : "not stored",
        trace.Side?.ToString().ToLowerInvariant() ?? "both",
        trace.Kind.ToString(),
        trace.Version?.ToString() ?? "",
        trace.By,
        trace.What,
    ];
}
