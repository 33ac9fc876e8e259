using Strangler.IdMap;

namespace Strangler.MySql;

internal sealed class MySqlIdMap(MySqlSide side) : IIdMap
{
    public Task<long?> FindNewIdAsync(string kind, long publicId, CancellationToken cancellationToken) =>
        FirstAsync(
            new Batch().Add(
                $"SELECT new_id FROM strangler_id_map WHERE context = {side.Context} AND kind = {kind} AND public_id = {publicId}"),
            cancellationToken);

    public Task<long?> FindPublicIdAsync(string kind, long newId, CancellationToken cancellationToken) =>
        FirstAsync(
            new Batch().Add(
                $"SELECT public_id FROM strangler_id_map WHERE context = {side.Context} AND kind = {kind} AND new_id = {newId}"),
            cancellationToken);

    private Task<long?> FirstAsync(Batch batch, CancellationToken cancellationToken) =>
        side.QueryAsync(
            batch,
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? reader.GetInt64(0) : (long?)null,
            cancellationToken);
}
