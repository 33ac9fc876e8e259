using Strangler.Contexts.Common;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.HealthRegions;

/// <summary>Between provinces and their records.</summary>
public sealed class ProvinceRecords(CompiledMapping mapping) : IEntityConverter<Province>
{
    public RecordSchema Schema => mapping.Schema;

    public long IdOf(Province entity) => entity.Id;

    public void AssignId(Province entity, long id) => NaturalIds.Check(entity.Id, id);

    public Province ToEntity(long id, Record record) => new(id, record.Text("name"), record.Text("alpha_code"), record.Text("region_name"));

    public Record Apply(Province entity, Record present) => present.With(
        ("geo_code", entity.Id), ("name", entity.Name), ("alpha_code", entity.AlphaCode), ("region_name", entity.RegionName));
}

/// <summary>Between health regions and their records.</summary>
public sealed class HealthRegionRecords(CompiledMapping mapping) : IEntityConverter<HealthRegion>
{
    public RecordSchema Schema => mapping.Schema;

    public long IdOf(HealthRegion entity) => entity.Id;

    public void AssignId(HealthRegion entity, long id) => NaturalIds.Check(entity.Id, id);

    public HealthRegion ToEntity(long id, Record record)
    {
        var region = new HealthRegion(id, record.Integer("province"), record.Text("name_en"), record.Text("name_fr"));
        region.ReadAboutAt(GivenTexts.Of(record, "website_en.address", "website_en.is_given"), GivenTexts.Of(record, "website_fr.address", "website_fr.is_given"));
        return region;
    }

    public Record Apply(HealthRegion entity, Record present) => present.With(
        ("hr_uid", entity.Id), ("province", entity.ProvinceId), ("name_en", entity.NameEn), ("name_fr", entity.NameFr),
        ("website_en.address", entity.WebsiteEn ?? ""), ("website_en.is_given", entity.WebsiteEn is not null),
        ("website_fr.address", entity.WebsiteFr ?? ""), ("website_fr.is_given", entity.WebsiteFr is not null));
}

/// <summary>Between postcodes and their records. What legacy has no room for is left to the new side while the postcode says nothing else.</summary>
public sealed class PostcodeRecords(CompiledMapping mapping) : IEntityConverter<Postcode>
{
    public RecordSchema Schema => mapping.Schema;

    public long IdOf(Postcode entity) => TextKey.IdOf(entity.Code) is var id and > 0
        ? id
        : throw new CannotHoldException("code", $"a text of more than {TextKey.MostBytes} bytes is no key");

    public void AssignId(Postcode entity, long id) => NaturalIds.Check(IdOf(entity), id);

    public Postcode ToEntity(long id, Record record) => Postcode.Recall(
        record.Text("code"), record.Integer("region"), record.Integer("province"), (long?)record.Visible("population"),
        record.List("further_regions").Rows.Select(row => new PostcodePart((long)row[0]!, (long?)row[1])));

    public Record Apply(Postcode entity, Record present)
    {
        var draft = new RecordDraft(mapping, present);
        draft.Set("code", entity.Code);
        draft.Set("region", entity.RegionId);
        draft.Set("province", entity.ProvinceId);
        draft.Set("population", entity.Population);
        draft.Set("further_regions", entity.FurtherParts, part => [part.RegionId, part.Population]);
        return draft.ToRecord();
    }
}

/// <summary>Texts that may not be given at all.</summary>
internal static class GivenTexts
{
    public static string? Of(Record record, string text, string isGiven) => record.Boolean(isGiven) ? record.Text(text) : null;
}

/// <summary>Ids that entities have from the start.</summary>
internal static class NaturalIds
{
    public static void Check(long own, long id)
    {
        if (own != id)
        {
            throw new InvalidOperationException($"The entity is {own} by its own key; it cannot become {id}.");
        }
    }
}
