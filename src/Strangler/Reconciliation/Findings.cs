using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>From an internal finding to what a report shows.</summary>
internal static class Findings
{
    public static EntityFinding Describe(PairView pair, Finding finding, RecordSchema schema, ValueMask mask)
    {
        var fields = finding.Fields.Concat(finding.Explained).Select(ordinal => new FieldDifference(
            schema.Fields[ordinal].Name,
            Show(pair.Legacy, schema.Fields[ordinal], mask),
            Show(pair.New, schema.Fields[ordinal], mask))).ToList();
        return new EntityFinding(pair.Id, finding.Verdict!.Value, fields, finding.Note, pair.NewId);
    }

    /// <summary>An entity of which only the names of the fields were kept.</summary>
    public static EntityFinding WithoutValues(DifferingEntity entity) =>
        new(entity.Id, entity.Verdict, [.. entity.Fields.Select(field => new FieldDifference(field, "", ""))], "values were not kept");

    private static string Show(SideView view, RecordField field, ValueMask mask) =>
        view.Record is { } record ? mask.Show(field, record.Values[field.Ordinal]) : "(not there)";
}
