namespace Strangler.Mongo.Bson;

/// <summary>
/// Where the fields of documents that are being read stand until their number is known: one stack a thread, an inner document's on top of
/// those of its outer one.
/// </summary>
internal sealed class BsonScratch<T>
{
    // What one huge document needed is given back.
    private const int Kept = 4096;

    [ThreadStatic]
    private static BsonScratch<T>? _mine;

    private T[] _items = new T[64];

    public static BsonScratch<T> Mine => _mine ??= new();

    public int Count { get; private set; }

    public void Add(T item)
    {
        if (Count == _items.Length)
            Array.Resize(ref _items, 2 * Count);
        _items[Count++] = item;
    }

    public T[] From(int start) => _items.AsSpan(start, Count - start).ToArray();

    public void CutTo(int start)
    {
        Array.Clear(_items, start, Count - start);
        Count = start;
        if (start == 0 && _items.Length > Kept)
            _items = new T[64];
    }
}
