using System.CommandLine;
using System.Globalization;
using Strangler.Capture;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler census</c>: which other programs still write legacy.</summary>
internal static class CensusCommand
{
    public static Command Create(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var since = new Option<string?>("--since")
        {
            Description = "Only who was seen since: a duration such as 24h or 7d, or a UTC time such as 2026-11-21T08:00Z; whole days are counted",
        };
        var command = new Verb(
            "census",
            """
            Which other programs write the legacy tables: who, what, how often, when first and last

            Counted by the capture triggers from DualWrite on, in statements, with the columns that its rows changed. The program's name is known only where the server tells it (performance_schema) and while the
            program was connected when it was asked for. Who answers for a writer is declared in the mapping: <foreign-writer user="foc@*" owner="…" reason="…"
            until="2027-06-30"/>. Before NewOnly nobody may have written without an owner for foreignWriterQuiet (7 days). Exit code 1 when someone has no owner.

            Examples:
              strangler census donations
              strangler census donations --since 24h --json
            """) { context, since };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var view = await CensusView.ReadAsync(host, now => SinceOf(run.Parsed.GetValue(since), now), token).ConfigureAwait(false);
            if (run.Output.IsJson)
            {
                run.Output.Json(view.ToJson(host.Name));
            }
            else
            {
                Print(run, host, view.Watch, view.Writers, view.Blind);
            }

            return view.Writers.All(writer => writer.Owner is not null) ? ExitCodes.Ok : ExitCodes.Found;
        });
        return command;
    }

    private static void Print(CommandRun run, ContextHost host, CensusWatch watch, IReadOnlyList<ForeignWriter> writers, BlindSpot? blind)
    {
        if (writers.Count > 0)
        {
            run.Output.Table(
                ["user", "program", "table", "statements", "changed columns", "first (UTC)", "last (UTC)", "owner"],
                writers.SelectMany(writer => writer.Tables.Select(table => (IReadOnlyList<string>)
                [
                    writer.User, writer.Program.Length == 0 ? "?" : writer.Program, table.Table, Statements(table), Columns(table), Time(table.FirstUtc),
                    Time(table.LastUtc), Owner(writer),
                ])));
        }

        run.Output.Line(
            host.Runtime.Options.ForeignWritersNone ? "The mapping declares that no other program writes (foreign-writers=\"none\")."
            : watch.SinceUtc is { } at ? $"{(writers.Count == 0 ? "Nobody else has written. " : "")}Counted since {Time(at)} UTC at the latest, not in LegacyOnly."
            : $"Nobody is counted: capture is not installed. Run: strangler capture install {host.Name}");
        run.Output.Line(BlindSpots.Describe(blind));
    }

    private static string Statements(WrittenTable table) => string.Join(
        ", ", table.Writes.OrderBy(on => on.Key, StringComparer.Ordinal).Select(on =>
            string.Create(CultureInfo.InvariantCulture, $"{on.Value:N0} {on.Key.ToLowerInvariant()}")));

    private static string Columns(WrittenTable table) =>
        string.Join(", ", table.Columns.Select(column => string.Create(CultureInfo.InvariantCulture, $"{NameOf(column.Key)} {column.Value:N0}")));

    private static string NameOf(string column) => column switch
    {
        CensusEntry.Unknown => "(columns unknown)",
        CensusEntry.Unnoted => "(entity unknown, not brought over)",
        _ => column,
    };

    private static string Owner(ForeignWriter writer) => writer switch
    {
        { Owner: { } owner } => $"{owner.Owner}, until {owner.Until:yyyy-MM-dd}",
        { Expired: { } expired } => $"NONE since {expired.Until:yyyy-MM-dd} ({expired.Owner})",
        _ => "NONE",
    };

    private static string Time(DateTime utc) => utc.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static DateTime? SinceOf(string? text, DateTime nowUtc) => text switch
    {
        null => null,
        _ when Duration.TryParse(text, out var duration) => nowUtc - duration,
        _ when DateTime.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out var at) => at,
        _ => throw new ArgumentException($"--since is '{text}'; it must be a duration such as 24h or 7d, or a UTC time such as 2026-11-21T08:00Z."),
    };
}
