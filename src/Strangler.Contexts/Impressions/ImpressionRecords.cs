using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Impressions;

/// <summary>Between banners and their records.</summary>
public sealed class BannerRecords(CompiledMapping mapping) : IEntityConverter<Banner>
{
    public RecordSchema Schema => mapping.Schema;

    public long IdOf(Banner entity) => entity.Id;

    public void AssignId(Banner entity, long id) => entity.AssignId(id);

    public Banner ToEntity(long id, Record record) =>
        Banner.Recall(id, record.Text("name"), record.Text("layout"), record.Text("campaign"), record.Text("keyword"));

    public Record Apply(Banner entity, Record present) =>
        present.With(("name", entity.Name), ("layout", entity.Layout), ("campaign", entity.Campaign), ("keyword", entity.Keyword));
}

/// <summary>Between impressions and their records.</summary>
public sealed class ImpressionRecords(CompiledMapping mapping) : IEntityConverter<Impression>
{
    public RecordSchema Schema => mapping.Schema;

    public long IdOf(Impression entity) => entity.Id;

    public void AssignId(Impression entity, long id) => entity.AssignId(id);

    public Impression ToEntity(long id, Record record) =>
        Impression.Recall(id, record.Integer("banner_id"), record.Timestamp("counted_at"), record.Integer("number"));

    public Record Apply(Impression entity, Record present) =>
        present.With(("banner_id", entity.BannerId), ("counted_at", entity.CountedAt), ("number", entity.Number));
}
