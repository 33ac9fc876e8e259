using System.CommandLine;
using Strangler.DualWrite;
using Strangler.Neighbours;

namespace Strangler.Cli.Commands;

/// <summary><c>strangler idmap</c>: which new id belongs to a public id, and back.</summary>
internal static class IdMapCommand
{
    public static Command Create(StandardOptions standard)
    {
        var command = new Verb(
            "idmap",
            """
            Look up the pairs of public (legacy) ids and new ids

            Examples:
              strangler idmap lookup donations 4711
              strangler idmap lookup donations --new 1000000042
              strangler idmap lookup address-changes 17 --references     where its references lead, by the id maps of their contexts
            """);
        command.Subcommands.Add(Lookup(standard));
        return command;
    }

    private static Command Lookup(StandardOptions standard)
    {
        var context = StandardOptions.Context();
        var id = new Argument<long?>("id") { Description = "A public id", DefaultValueFactory = _ => null };
        var newId = new Option<long?>("--new") { Description = "A new id instead" };
        var kind = new Option<string?>("--kind") { Description = "The kind of entity [default: the context's only one]" };
        var references = new Option<bool>("--references") { Description = "Also where the entity's references lead" };
        var command = new Verb("lookup", "Find the other id of a pair; exit code 1 when there is none") { context, id, newId, kind, references };
        CommandRun.SetAction(command, standard, async (run, token) =>
        {
            var (publicId, wantedNew) = (run.Parsed.GetValue(id), run.Parsed.GetValue(newId));
            if (publicId is null == wantedNew is null)
            {
                throw new ArgumentException("Give a public id, or --new with a new id.");
            }

            if ((publicId ?? wantedNew) is <= 0 and var bad)
            {
                throw new ArgumentException($"The id is {bad}; ids begin at 1.");
            }

            await using var host = run.Open(run.Parsed.GetRequiredValue(context));
            var name = host.KindOf(run.Parsed.GetValue(kind));
            var other = publicId is not null
                ? await host.Sides.IdMap.FindNewIdAsync(name, publicId.Value, token).ConfigureAwait(false)
                : await host.Sides.IdMap.FindPublicIdAsync(name, wantedNew!.Value, token).ConfigureAwait(false);
            var leads = run.Parsed.GetValue(references) && (publicId ?? other) is { } entity
                ? await new ReferenceResolver(host.Runtime).ResolveAsync(new EntityKey(name, entity), token).ConfigureAwait(false)
                : [];
            if (run.Output.IsJson)
            {
                run.Output.Json(new { context = host.Name, kind = name, public_id = publicId ?? other, new_id = wantedNew ?? other, found = other is not null, references = leads });
            }
            else
            {
                run.Output.Line(other is null ? $"{name}: no pair with {(publicId is null ? "new" : "public")} id {publicId ?? wantedNew}" : $"{name}: public id {publicId ?? other} ↔ new id {wantedNew ?? other}");
                foreach (var lead in leads)
                {
                    var target = lead.Target is { } to ? $"{to.Context}/{to.Kind} {lead.PublicId}" : $"{lead.PublicId}";
                    run.Output.Line($"  {lead.Reference} ({lead.Field}): {target} {(lead.NewId is null ? $"({lead.Note})" : $"↔ new id {lead.NewId}")}");
                }
            }

            return other is null ? ExitCodes.Found : ExitCodes.Ok;
        });
        return command;
    }
}
