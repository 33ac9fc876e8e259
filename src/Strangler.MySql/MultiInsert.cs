using System.Data.Common;

namespace Strangler.MySql;

/// <summary>
/// Rows of one table as multi-row inserts of about 500 rows, prepared and re-used where they are many (three times as fast as text).
/// Bounded in bytes as well: a statement must fit the server's max_allowed_packet (16 MiB by default), and one row with its LOBs may have
/// 64 KiB and more.
/// </summary>
internal sealed class MultiInsert(Sql head, string tail = "")
{
    private const int LargeRows = 500;
    private const int PreparedRows = 50;
    private const int MaxParameters = 30_000;
    private const long MaxBytes = 4 * 1024 * 1024;

    private readonly List<(object? Key, int? Ordinal, object?[] Row)> _rows = [];

    public int Count => _rows.Count;

    /// <summary>Statements of the same shape and number of rows have the same text.</summary>
    public string Shape { get; } = head.Text + tail;

    public void Add(object? key, int? ordinal, object?[] row) => _rows.Add((key, ordinal, row));

    /// <summary>Which rows go into which statement: 500, 50 or fewer, so that only few different statements are ever prepared.</summary>
    public IEnumerable<(int First, int Count)> Slices()
    {
        for (var first = 0; first < _rows.Count;)
        {
            var (fitting, parameters, bytes) = (0, 0, 0L);
            while (first + fitting < _rows.Count && fitting < LargeRows && parameters < MaxParameters && bytes < MaxBytes)
            {
                var row = _rows[first + fitting].Row;
                parameters += row.Length + 2;
                bytes += Size(row);
                fitting++;
            }

            var count = fitting >= LargeRows ? LargeRows : Math.Min(fitting, PreparedRows);
            yield return (first, count);
            first += count;
        }
    }

    /// <summary>Whether a statement of so many rows is one of those that are prepared and kept.</summary>
    public static bool IsPrepared(int count) => count is LargeRows or PreparedRows;

    public Batch Statement(int first, int count)
    {
        var batch = new Batch();
        batch.Part($"{head}");
        for (var i = 0; i < count; i++)
        {
            var (key, ordinal, row) = _rows[first + i];
            batch.Raw(i == 0 ? "" : ", ");
            AggregateWriter.Values(batch, key, ordinal, row);
        }

        batch.Raw(tail);
        return batch;
    }

    /// <summary>Gives other rows to a command made of a <see cref="Statement"/> of the same shape and number of rows.</summary>
    public void Bind(DbCommand command, int first, int count)
    {
        var parameter = 0;
        for (var i = first; i < first + count; i++)
        {
            var (key, ordinal, row) = _rows[i];
            if (key is not null)
            {
                command.Parameters[parameter++].Value = key;
            }

            if (ordinal is { } place)
            {
                command.Parameters[parameter++].Value = place;
            }

            foreach (var value in row)
            {
                command.Parameters[parameter++].Value = value ?? DBNull.Value;
            }
        }
    }

    private static long Size(object?[] row)
    {
        var size = 0L;
        foreach (var value in row)
        {
            // UTF-8 has at most three bytes a UTF-16 unit; escaping may double the common ones. Two is near enough below the limit's
            // quarter.
            size += value switch { string text => 2L * text.Length, byte[] bytes => 2L * bytes.Length, _ => 16 };
        }

        return size;
    }
}
