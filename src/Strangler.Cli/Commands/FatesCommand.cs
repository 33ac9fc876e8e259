using System.CommandLine;
using System.Globalization;
using Strangler.Service;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler fates</c>: what becomes of every legacy table.</summary>
internal static class FatesCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "fates",
            """
            What becomes of every legacy table: migrated, folded into another, kept or dropped, with the reason and counts

            Looks at all tables of the configured contexts' legacy databases and at what the mapping files say of them. Counts rows exactly, so that a
            large table takes its time. Reads only. Exit code 1 when there is a table that no mapping file says anything of, or when one that a mapping
            reads is not there.

            Examples:
              strangler fates
              strangler fates --json
            """);
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var rows = await FateList.ReadAsync(run.LoadConfiguration(), run.Loggers, run.Time, token).ConfigureAwait(false);
            var (undeclared, missing) = (rows.Where(row => row.Fate is null).ToList(), rows.Where(row => row.LegacyRows is null).ToList());
            if (run.Output.IsJson)
            {
                run.Output.Json(new { undeclared = undeclared.Count, missing = missing.Count, tables = rows });
            }
            else
            {
                Write(run, rows);
                Tell(run, undeclared, "No mapping file says what becomes of it (table-fate in the file of the context that it belongs to)");
                Tell(run, missing, "A mapping reads it, and it is not there");
            }

            return undeclared.Count + missing.Count == 0 ? ExitCodes.Ok : ExitCodes.Found;
        });
        return command;
    }

    private static void Write(CommandRun run, IReadOnlyList<FateRow> rows)
    {
        foreach (var database in rows.GroupBy(row => row.Database))
        {
            run.Output.Line(database.Key);
            run.Output.Table(
                ["table", "fate", "context", "into", "rows", "new", "unreadable", "reason"],
                database.Select(row => (IReadOnlyList<string>)
                [
                    row.Table, row.Fate?.ToString().ToLowerInvariant() ?? "UNDECLARED", row.Context, row.Into, Count(row.LegacyRows), Count(row.NewRows),
                    Count(row.Unreadable), row.Reason,
                ]));
        }
    }

    private static void Tell(CommandRun run, List<FateRow> rows, string what)
    {
        foreach (var row in rows)
        {
            run.Output.Line($"{row.Table}: {what}.");
        }
    }

    private static string Count(long? rows) => rows?.ToString("N0", CultureInfo.InvariantCulture) ?? "";
}
