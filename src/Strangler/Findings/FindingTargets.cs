using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Findings;

/// <summary>What the other ends of a chunk's references are. Read when they are asked for: whether they are there is often all.</summary>
internal sealed class FindingTargets
{
    private readonly Dictionary<(string Context, string Kind, long Id), Target> _known = [];

    public static string Name(ReferenceTarget target) => $"{target.Context}/{target.Kind}";

    public void Add((string Context, string Kind) of, long[] ids, IReadOnlyList<RangeItem> items, IRecordLens lens)
    {
        var rows = items.ToDictionary(item => item.Id, item => item.Row);
        foreach (var id in ids)
        {
            _known[(of.Context, of.Kind, id)] = new Target(rows.GetValueOrDefault(id), lens);
        }
    }

    public Target? Find(ReferenceTarget target, long id) => _known.GetValueOrDefault((target.Context, target.Kind, id));

    public string Describe(ReferenceTarget target, long id) => Find(target, id) switch
    {
        null => "was not asked for",
        { IsThere: false } => "is not there",
        { Record: null } => "is there, and cannot be read",
        _ => "is there",
    };

    /// <summary>One of them.</summary>
    internal sealed class Target(AggregateRow? row, IRecordLens lens)
    {
        private readonly Lazy<Record?> _record = new(() => row is null ? null : FindingsJob.Read(lens, row));

        public bool IsThere => row is not null;

        /// <summary>Null also for one that cannot be read.</summary>
        public Record? Record => _record.Value;
    }
}
