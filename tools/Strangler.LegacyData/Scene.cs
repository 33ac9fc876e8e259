namespace Strangler.LegacyData;

/// <summary>How one kind of row comes about; some kinds need several rows (a parent and its children, a pair of names).</summary>
internal sealed record Scene(string Kind, Func<DonationMaker, IEnumerable<Draft>> Play)
{
    public static Scene One(string kind, Func<DonationMaker, Draft> make) => new(kind, maker => [make(maker).Tag(kind)]);

    public static Scene Many(string kind, Func<DonationMaker, IEnumerable<Draft>> make) =>
        new(kind, maker => make(maker).Select(draft => draft.Tag(kind)));
}
