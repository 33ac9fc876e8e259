namespace Strangler.Contexts.Impressions;

/// <summary>A banner that was shown.</summary>
public sealed class Banner
{
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="name">As the banner server calls it; not empty.</param>
    public Banner(long id, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        (_id, Name) = (id, name);
    }

    // What was stored once is taken as it is: old records break today's rules.
    private Banner(long id, string name, string layout, string campaign, string keyword) =>
        (_id, Name, Layout, Campaign, Keyword) = (id, name, layout, campaign, keyword);

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    /// <summary>"" only of old records.</summary>
    public string Name { get; private set; }

    public string Layout { get; private set; } = "";

    public string Campaign { get; private set; } = "";

    public string Keyword { get; private set; } = "";

    /// <summary>Gives the id to one that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The banner has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    public void Rename(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        Name = name;
    }

    /// <summary>Where it belongs; "" where it does not.</summary>
    public void Describe(string layout, string campaign, string keyword)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(campaign);
        ArgumentNullException.ThrowIfNull(keyword);
        (Layout, Campaign, Keyword) = (layout, campaign, keyword);
    }

    /// <summary>Brings a stored one back to life exactly as it was.</summary>
    internal static Banner Recall(long id, string name, string layout, string campaign, string keyword) => new(id, name, layout, campaign, keyword);
}
