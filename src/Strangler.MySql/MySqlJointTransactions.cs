using System.Data.Common;
using System.Security.Cryptography;
using Strangler.DualWrite;

namespace Strangler.MySql;

/// <summary>One transaction over two databases of one server.</summary>
internal sealed class MySqlJointTransactions(
    MySqlSide legacy, IReadOnlyDictionary<string, AggregateSql> legacyKinds, MySqlSide @new, IReadOnlyDictionary<string, AggregateSql> newKinds)
    : IJointTransactions
{
    /// <summary>
    /// That two connection strings look alike proves nothing, nor does a server's own name for itself (clones have the same): a lock that
    /// one connection holds and
    /// the other one sees does. Both must name the server alike as well: else one of the names may be moved elsewhere later.
    /// </summary>
    public Task<string?> ProblemAsync(CancellationToken cancellationToken) =>
        AddressProblem(legacy.Database, @new.Database) is { } problem
            ? Task.FromResult<string?>(problem)
            : legacy.UseAsync(
                background: true,
                (left, token) => @new.UseAsync(background: true, (right, inner) => ProblemAsync(left, right, inner), token),
                cancellationToken);

    public async Task<JointPart> BeginFollowerAsync(ISideTransaction lead, WriteIntent intent, CancellationToken cancellationToken)
    {
        var own = (MySqlOwnTransaction)lead;
        var (side, kinds) = own.SideName == SideName.Legacy ? (@new, newKinds) : (legacy, legacyKinds);
        var part = new MySqlFollowerPart(own, side, kinds[intent.Key.Kind], intent);
        return new JointPart(part, await own.BeginPartAsync(part, intent.Key, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>What can be seen without a connection.</summary>
    public static string? AddressProblem(MySqlDatabase legacy, MySqlDatabase @new) =>
        legacy.Server.Equals(@new.Server, StringComparison.OrdinalIgnoreCase)
            ? null
            : $"legacy is on {legacy.Server}, new on {@new.Server}; both connection strings must name one server, by the same name and port.";

    private async Task<string?> ProblemAsync(DbConnection left, DbConnection right, CancellationToken cancellationToken)
    {
        var name = $"strangler-{RandomNumberGenerator.GetHexString(16)}";
        var (holder, leftPlace) = await AskAsync(
            legacy, left, new Batch().Add($"SELECT IF(GET_LOCK({name}, 0) = 1, CONNECTION_ID(), NULL), {Place}"), cancellationToken).ConfigureAwait(false);
        var (seen, rightPlace) = await AskAsync(
            @new, right, new Batch().Add($"SELECT IS_USED_LOCK({name}), {Place}"), cancellationToken).ConfigureAwait(false);
        return holder is null || holder != seen
            ? $"legacy is on the server {leftPlace}, new on another one, {rightPlace}; both databases must be on one server."
            : await GrantProblemAsync(legacy, left, @new, newKinds, cancellationToken).ConfigureAwait(false)
                ?? await GrantProblemAsync(@new, right, legacy, legacyKinds, cancellationToken).ConfigureAwait(false);
    }

    private static Sql Place => new("CONCAT(@@hostname, ':', @@port, ' ', @@datadir)");

    private static Task<(long? Id, string Place)> AskAsync(MySqlSide side, DbConnection connection, Batch batch, CancellationToken cancellationToken) =>
        side.QueryAsync(
            connection,
            batch,
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                long? id = reader.IsDBNull(0) ? null : Convert.ToInt64(reader.GetValue(0), System.Globalization.CultureInfo.InvariantCulture);
                return (id, reader.GetString(1));
            },
            background: true,
            cancellationToken);

    // Statements that a joint write sends, made so that they hit no row: the server asks for the same grants.
    private static async Task<string?> GrantProblemAsync(
        MySqlSide side, DbConnection connection, MySqlSide other, IReadOnlyDictionary<string, AggregateSql> kinds, CancellationToken cancellationToken)
    {
        var batch = new Batch().Add($"SET SESSION sql_mode = ''").Add($"USE {new Sql(AggregateSql.Quote(other.Database.Name))}");
        foreach (var kind in kinds.Values)
        {
            for (var table = 0; table < kind.Names.Length; table++)
            {
                AddWrites(batch, kind.Names[table], kind.Keys[table]);
            }
        }

        AddWrites(batch, new Sql("strangler_entity"), new Sql("`key`"));
        AddWrites(batch, new Sql("strangler_request"), new Sql("context"));
        batch.Add($"SELECT f.epoch FROM strangler_fence f WHERE FALSE LOCK IN SHARE MODE");
        if (other.Name == SideName.New)
        {
            AddWrites(batch, new Sql("strangler_id_map"), new Sql("context"));
            batch.Add($"SELECT q.context FROM strangler_quarantine q WHERE FALSE");
        }

        try
        {
            await side.ExecuteAsync(connection, batch, background: true, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (DbException e) when (MySqlDriver.Classify(e) is MySqlErrorKind.AccessDenied or MySqlErrorKind.UnknownDatabase)
        {
            return $"the user of {side.Database.Display} may not write the other side's tables ({e.Message}); "
                + $"run: GRANT SELECT, INSERT, UPDATE, DELETE ON {AggregateSql.Quote(other.Database.Name)}.* to it.";
        }
    }

    private static void AddWrites(Batch batch, Sql table, Sql key) => batch
        .Add($"INSERT INTO {table} ({key}) SELECT x.{key} FROM {table} x WHERE FALSE")
        .Add($"UPDATE {table} SET {key} = {key} WHERE FALSE")
        .Add($"DELETE FROM {table} WHERE FALSE");
}
