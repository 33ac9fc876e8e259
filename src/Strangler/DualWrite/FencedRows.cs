using System.Data.Common;

namespace Strangler.DualWrite;

/// <summary>Rows that stand behind the columns of the fence row in one result, as the stores answer <see cref="ISqlQueries.ListAsync"/>.</summary>
public static class FencedRows
{
    /// <summary>All of them. The one row of the fence is there also where there are none: then their columns are NULL.</summary>
    /// <param name="reader">Stands on the first row.</param>
    /// <param name="at">The ordinal of their first column, which is never NULL in a row of theirs.</param>
    /// <param name="row">Reads a row, of which the first column has the given ordinal.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<List<T>> ReadAsync<T>(DbDataReader reader, int at, Func<DbDataReader, int, T> row, CancellationToken cancellationToken)
    {
        List<T> rows = [];
        if (!reader.IsDBNull(at))
        {
            do
            {
                rows.Add(row(reader, at));
            }
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false));
        }

        return rows;
    }
}
