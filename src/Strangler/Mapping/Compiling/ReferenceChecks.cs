using System.Xml.Linq;

namespace Strangler.Mapping.Compiling;

/// <summary>Whether references and findings name what is there. What they say of other contexts only those contexts' files can tell.</summary>
internal sealed class ReferenceChecks(MappingDeclaration mapping, KindDeclaration kind, Problems problems)
{
    public void Run()
    {
        kind.References.ForEach(CheckReference);
        foreach (var twice in kind.References.GroupBy(reference => reference.Field).SelectMany(same => same.Skip(1)))
        {
            problems.Add(twice.At, twice.Field, "the field is a reference already");
        }

        kind.Findings.ForEach(CheckFinding);
    }

    private void CheckReference(ReferenceDeclaration reference)
    {
        var field = kind.Fields.Find(one => one.Name == reference.Field);
        if (field is not { Type: FieldType.Integer, Hidden: false } or { Converter: null, Legacy: null })
        {
            problems.Add(reference.At, reference.Field, "a reference is an integer field that legacy has, in a place or through a converter");
            return;
        }

        foreach (var (at, _, context, target) in reference.Targets)
        {
            if (context == mapping.Context)
            {
                problems.Add(at, reference.Name, "its own context goes without saying; leave it out");
            }
            else if (context is null && !mapping.Kinds.Any(one => one.Name == target))
            {
                problems.Add(at, reference.Name, $"the file has no kind '{target}'");
            }
        }

        if (reference.Targets.Any(target => target.Context is null) && (reference.Targets.Count > 1 || reference.By is not null))
        {
            problems.Add(reference.At, reference.Name, "a reference within the context leads to one kind: its new column holds that kind's new ids");
        }

        CheckColumn(reference, field);
        CheckCodes(reference.At, reference, reference.Targets.Select(target => (target.At, target.When)));
    }

    // New ids are unsigned, and so is what refers to them.
    private void CheckColumn(ReferenceDeclaration reference, FieldDeclaration field)
    {
        if (field.New is not null && LegacyPlaceRef.Find(field.New, kind.New, out _).Column is { Layout: { MinValue: not 0 } } column)
        {
            problems.Add(column.At, reference.Field, $"the new column {field.New} holds ids: it is a bigint, unsigned=\"yes\"");
        }
    }

    private void CheckCodes(XElement whole, ReferenceDeclaration reference, IEnumerable<(XElement At, string? When)> cases)
    {
        var codes = reference.By is null ? null : kind.Fields.Find(field => field.Name == reference.By && field.Type == FieldType.Code);
        if (reference.By is not null && codes is null)
        {
            problems.Add(whole, reference.By, "by names the code field that says which kind of entity is meant, and this is none");
            return;
        }

        var english = kind.Codes.Find(list => list.Name == codes?.Codes)?.Codes.Select(code => code.English).ToList();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (at, when) in cases)
        {
            if ((when is null) != (english is null))
            {
                problems.Add(at, reference.Name, english is null ? "when goes with by" : $"say when it is meant: when=\"…\", a value of {reference.By}");
            }
            else if (when is not null && !english!.Contains(when))
            {
                problems.Add(at, reference.Name, $"{reference.By} has no value '{when}'");
            }

            if (!seen.Add(when ?? ""))
            {
                problems.Add(at, reference.Name, "two targets for the same value");
            }
        }
    }

    private void CheckFinding(FindingDeclaration finding)
    {
        if (finding.Check is not { } check)
        {
            return;
        }

        foreach (var (attribute, isNeeded, isGiven) in Attributes(finding, check).Where(one => one.IsNeeded != one.IsGiven))
        {
            problems.Add(finding.At, finding.Name, isNeeded ? $"the check needs {attribute}" : $"the check has no use for {attribute}");
        }

        var reference = kind.References.Find(one => one.Name == finding.Reference);
        if (finding.Reference is not null && reference is null)
        {
            problems.Add(finding.At, finding.Name, $"there is no reference '{finding.Reference}'");
        }

        if (finding.Table is { } table && kind.Legacy.Find(one => one.Name == table) is not { Role: TableRole.Referenced, Parent: null })
        {
            problems.Add(finding.At, finding.Name, $"'{table}' is no referenced table of legacy");
        }

        CheckFields(finding);
        CheckList(finding);
        if (reference is not null && finding.Targets.Count > 0)
        {
            CheckCodes(finding.At, reference, finding.Targets.Select(target => (target.At, target.When)));
        }
    }

    private static IEnumerable<(string Attribute, bool IsNeeded, bool IsGiven)> Attributes(FindingDeclaration finding, FindingCheck check)
    {
        var isListed = check is FindingCheck.ListedNoTarget or FindingCheck.ListedOneSided or FindingCheck.ListedDenied;
        var isOfValue = check is FindingCheck.TargetSays or FindingCheck.RowSays or FindingCheck.Says;
        yield return ("reference", isListed || check is FindingCheck.OwnId or FindingCheck.NoTarget or FindingCheck.TargetSays or FindingCheck.TargetDiffers, finding.Reference is not null);
        yield return ("field", isOfValue || check is FindingCheck.TargetDiffers, finding.Field is not null);
        yield return ("value", isOfValue, finding.Value is not null);
        yield return ("other", check is FindingCheck.RowSays or FindingCheck.TargetDiffers || finding.Same is not null || (check is FindingCheck.Says && finding.Other is not null), finding.Other is not null);
        yield return ("list", isListed, finding.List is not null);
        yield return ("item", isListed, finding.Item is not null);
        yield return ("same", check is FindingCheck.ListedDenied && finding.Same is not null, finding.Same is not null);
        yield return ("after", isListed && finding.After is not null, finding.After is not null);
        yield return ("table", check is FindingCheck.SharedRow or FindingCheck.UnreferencedRow, finding.Table is not null);
        yield return ("target", check is FindingCheck.TargetSays, finding.Targets.Count > 0);
        yield return ("before", finding.Time is not null, finding.Before is not null);
    }

    // The value is part of the evidence, which everybody may read.
    private void CheckFields(FindingDeclaration finding)
    {
        if (finding.Field is not null && kind.Fields.Find(field => field.Name == finding.Field) is not { Personal: false, IsList: false })
        {
            problems.Add(finding.At, finding.Field, "there is no such field, or it is a list or personal: a finding's evidence holds its value");
        }

        if (finding.Check == FindingCheck.TargetDiffers)
        {
            var target = kind.References.Find(one => one.Name == finding.Reference)?.Within;
            if (mapping.Kinds.FirstOrDefault(one => one.Name == target)?.Fields.Find(field => field.Name == finding.Other) is not { IsList: false, Personal: false })
            {
                problems.Add(finding.At, finding.Name, $"the reference leads to no kind of this file that has a field '{finding.Other}' for everybody to read");
            }
        }
        else if (finding.Other is not null && kind.Fields.Find(field => field.Name == finding.Other) is not { IsList: false })
        {
            problems.Add(finding.At, finding.Other, "there is no such field, or it is a list");
        }

        if (finding.Check == FindingCheck.Says && kind.Fields.Find(field => field.Name == finding.Other) is { Personal: true })
        {
            problems.Add(finding.At, finding.Other!, "it is personal, and the evidence holds its value");
        }

        if (finding.Time is not null && kind.Fields.Find(field => field.Name == finding.Time) is not { Type: FieldType.Timestamp })
        {
            problems.Add(finding.At, finding.Time, "time names no timestamp field");
        }
    }

    // What a list names are entities of the same kind: the reference leads back from there.
    private void CheckList(FindingDeclaration finding)
    {
        if (finding.List is null)
        {
            return;
        }

        if (kind.References.Find(one => one.Name == finding.Reference) is { } reference && reference.Within != kind.Name)
        {
            problems.Add(finding.At, finding.Name, $"what a list names must refer back: {finding.Reference} leads to another kind");
        }

        if (kind.Fields.Find(field => field.Name == finding.List) is not { IsList: true } list)
        {
            problems.Add(finding.At, finding.Name, $"there is no list '{finding.List}'");
            return;
        }

        var item = list.Items.Find(one => one.Name == finding.Item);
        if (item?.Type != (finding.After is null ? FieldType.Integer : FieldType.Text))
        {
            problems.Add(finding.At, finding.Name, $"'{finding.Item}' is no {(finding.After is null ? "number" : "text")} of the list '{finding.List}'");
        }

        if (finding.Same is not null && list.Items.TrueForAll(one => one.Name != finding.Same))
        {
            problems.Add(finding.At, finding.Name, $"the list '{finding.List}' has no item '{finding.Same}'");
        }
    }
}
