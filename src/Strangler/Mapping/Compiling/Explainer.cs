using Strangler.Mapping.Lenses;
using Strangler.Merging;

namespace Strangler.Mapping.Compiling;

/// <summary>The declaration as people read it.</summary>
internal sealed class Explainer(MappingDeclaration mapping, KindDeclaration kind)
{
    public MappingExplanation Explain(ConvertedFields[] converted) => new(
        mapping.Context,
        kind.Name,
        mapping.Version,
        mapping.TimeZone.Id,
        [.. kind.Fields.SelectMany(Explain)],
        [
            .. kind.Converters.Select((declared, at) => new ExplainedConverter(
                declared.Use,
                [.. declared.Fields.Select(field => field.Name)],
                [.. declared.Places.Select(place => place.Place).Distinct()],
                converted[at].Converter.Description)),
        ],
        [.. (kind.Extras?.Preserved ?? []).Select(place => place.Place + (place.Personal ? " *" : ""))],
        [.. kind.Differences.Select(entry => entry.Difference)],
        [.. kind.Sums.Select(sum => sum.Declared(kind.Name))],
        (kind.Owners.Existence ?? kind.Owners.Default ?? FieldOwner.Ask).ToString().ToLowerInvariant())
    {
        Staying = [.. kind.Legacy.SelectMany(table => table.Staying.Select(column => $"{table.Name}.{column.Column.Name}: {column.Reason}"))],
        References = [.. kind.References.Select(reference => reference.Declared(mapping.Context, kind.Name))],
        Findings = [.. kind.Findings.Select(finding => finding.Declared(kind))],
    };

    private IEnumerable<ExplainedField> Explain(FieldDeclaration field)
    {
        var codes = kind.Codes.Find(list => list.Name == field.Codes);
        yield return new ExplainedField(
            field.Name,
            field.Type!.Value.ToString().ToLowerInvariant(),
            LegacyOf(field),
            field.Legacy is null || field.Hidden || field.IsList ? "" : Formats.Of(field) ?? "",
            field.New ?? "",
            field.Personal,
            codes is null ? [] : [.. codes.Codes.Select(code => (code.Legacy, code.English))],
            [.. NotesOf(field), .. MergingOf(field)]) { Secret = field.Secret };
        foreach (var item in field.Items)
        {
            yield return new ExplainedField(
                $"{field.Name}[].{item.Name}",
                item.Type!.Value.ToString().ToLowerInvariant(),
                item.Legacy ?? DerivationOf(field, item),
                field.IsTable ? Formats.Of(item) ?? "" : "",
                $"{field.New}.{item.New}",
                item.Personal || field.Personal,
                [.. kind.Codes.Find(list => list.Name == item.Codes)?.Codes.Select(code => (code.Legacy, code.English)) ?? []],
                LookupNotes(item)) { Secret = item.Secret };
        }
    }

    private IEnumerable<string> MergingOf(FieldDeclaration field)
    {
        var owner = kind.OwnerOf(field);
        var decides = owner == FieldOwner.Ask ? "" : owner.ToString().ToLowerInvariant();
        return (field.MergesByElement, decides) switch
        {
            (true, "") => ["on a clash: merged by element"],
            (true, _) => [$"on a clash: merged by element; where both changed the same one: {decides}"],
            (false, "") => [],
            _ => [$"on a clash: {decides}"],
        };
    }

    private static string LegacyOf(FieldDeclaration field) =>
        field.Hidden ? "(not in legacy)"
        : field.IsExtras ? "(whatever no field expresses)"
        : field.FlagOf is not null ? $"(whether {field.FlagOf} is set)"
        : field.Rows is not null ? $"(row in {string.Join(" and ", field.Rows)})"
        : field.Converter is not null ? $"({field.Converter.Use})"
        : field.IsTable ? $"(rows of {field.Legacy})"
        : field.Legacy!;

    private static string DerivationOf(FieldDeclaration list, FieldDeclaration item) =>
        list.Derived.Find(derived => derived.Items.Contains(item)) is { } derived ? $"(told from {derived.From}, never written back: {derived.Use})" : "";

    private string[] LookupNotes(FieldDeclaration item) =>
        item.Legacy is { } place && kind.Lookups.Find(lookup => place.StartsWith(lookup.Name + ".", StringComparison.Ordinal)) is { } lookup
            ? [$"shared rows of {lookup.Name}: found by {string.Join(", ", lookup.Columns.Select(column => column.Name))}, inserted when missing"]
            : [];

    private static IEnumerable<string> NotesOf(FieldDeclaration field)
    {
        if (field.IsUnordered)
        {
            yield return "in no order";
        }

        if (field.Mirror is not null)
        {
            var fillsIn = field.MirrorFillsIn ? ", and read where the first has nothing" : "";
            yield return $"also in {field.Mirror}: written along while it says the same{fillsIn}; else an extra";
        }

        if (field.KeptAsExtra)
        {
            yield return "what is no such value there reads as the default and is kept as an extra";
        }

        if (field.NothingUntil is { } time)
        {
            yield return $"times up to {Values.DateTimeText(field.Name, time)} read as none";
        }
    }
}
