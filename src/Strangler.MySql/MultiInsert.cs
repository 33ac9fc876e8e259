using System.Data.Common;

namespace Strangler.MySql;

/// <summary>
/// Rows of one table as multi-row inserts of about 500 rows. Bounded in bytes as well: a statement must fit the server's max_allowed_packet
/// (16 MiB by default), and one row with its LOBs may have 64 KiB and more.
/// </summary>
internal sealed class MultiInsert(Sql head, string tail = "")
{
    private const int MaxRows = 500;
    private const int MaxParameters = 30_000;
    private const long MaxBytes = 4 * 1024 * 1024;

    private readonly List<(object? Key, int? Ordinal, object?[] Row)> _rows = [];

    public int Count => _rows.Count;

    public void Add(object? key, int? ordinal, object?[] row) => _rows.Add((key, ordinal, row));

    /// <summary>The statements, each with the place of its first row and the number of its rows.</summary>
    public IEnumerable<(Batch Statement, int First, int Count)> Statements()
    {
        for (var first = 0; first < _rows.Count;)
        {
            var batch = new Batch();
            batch.Part($"{head}");
            var count = 0;
            var bytes = 0L;
            while (first + count < _rows.Count && count < MaxRows && batch.Parameters < MaxParameters && bytes < MaxBytes)
            {
                var (key, ordinal, row) = _rows[first + count];
                batch.Raw(count == 0 ? "" : ", ");
                AggregateWriter.Values(batch, key, ordinal, row);
                bytes += Size(row);
                count++;
            }

            batch.Raw(tail);
            yield return (batch.End(), first, count);
            first += count;
        }
    }

    private static long Size(object?[] row)
    {
        var size = 0L;
        foreach (var value in row)
        {
            // UTF-8 has at most three bytes a UTF-16 unit; escaping may double the common ones. Two is near enough below the limit's quarter.
            size += value switch { string text => 2L * text.Length, byte[] bytes => 2L * bytes.Length, _ => 16 };
        }

        return size;
    }
}
