using Strangler.DualWrite;

namespace Strangler.Postgres;

/// <summary>How one kind's tables are come by from a public id: legacy's hold it as their key, the new side's are led to by the id map.</summary>
internal sealed class KeyedRows(string context, AggregateSql sql)
{
    private readonly bool _isMapped = sql.Side == SideName.New;
    private readonly Sql _key = new(sql.Side == SideName.New ? "m.public_id" : $"t0.{sql.RootKey.Text}");

    public AggregateSql Sql => sql;

    /// <summary>The ids that the side knows by its rows, as a table (with alias <c>k</c>) and its column.</summary>
    public (Sql Source, Sql Key) Keys => _isMapped
        ? (new Sql($"strangler_id_map k WHERE k.context = {AggregateSql.Literal(context)} AND k.kind = {AggregateSql.Literal(sql.Kind)}"), new Sql("k.public_id"))
        : (new Sql($"{sql.Root.Text} k WHERE true"), new Sql($"k.{sql.RootKey.Text}"));

    /// <summary>The tables with at most one row, left-joined to what stands before.</summary>
    public Batch JoinSingles(Batch batch, long id)
    {
        if (_isMapped)
        {
            batch.Part($" LEFT JOIN strangler_id_map m ON m.context = {context} AND m.kind = {sql.Kind} AND m.public_id = {id}");
            return batch.Part($" LEFT JOIN {sql.Root} t0 ON t0.{sql.RootKey} = m.new_id{sql.Joins}");
        }

        return batch.Part($" LEFT JOIN {sql.Root} t0 ON t0.{sql.RootKey} = {id}{sql.Joins}");
    }

    /// <summary>The new id, NULL on legacy, and the columns of the tables with at most one row.</summary>
    public Batch SelectSingles(Batch batch, long id) => _isMapped
        ? batch.Add($"""
            SELECT m.new_id, {sql.Columns} FROM strangler_id_map m LEFT JOIN {sql.Root} t0 ON t0.{sql.RootKey} = m.new_id{sql.Joins}
            WHERE m.context = {context} AND m.kind = {sql.Kind} AND m.public_id = {id}
            """)
        : batch.Add($"SELECT CAST(NULL AS bigint), {sql.Columns} FROM {sql.Root} t0{sql.Joins} WHERE t0.{sql.RootKey} = {id}");

    /// <summary>The rows of a Many table, in order.</summary>
    public Batch SelectMany(Batch batch, int table, long id) => _isMapped
        ? batch.Add($"""
            SELECT {sql.ManyColumns[table]} FROM strangler_id_map m JOIN {sql.Names[table]} x ON x.{sql.Keys[table]} = m.new_id
            WHERE m.context = {context} AND m.kind = {sql.Kind} AND m.public_id = {id} ORDER BY {sql.ManyOrder[table]}
            """)
        : batch.Add($"""
            SELECT {sql.ManyColumns[table]} FROM {sql.Names[table]} x WHERE x.{sql.Keys[table]} = {id}{sql.OfContext[table]} ORDER BY {sql.ManyOrder[table]}
            """);

    /// <summary>
    /// Locks the root's row; on legacy every row of the aggregate, each table by a statement: whoever has changed a companion there has its row when his
    /// trigger asks for the entity row, so we must not come the other way round. <see cref="Locks"/>
    /// results, to be passed over.
    /// </summary>
    public Batch Lock(Batch batch, long id)
    {
        if (_isMapped)
        {
            return batch.Add($"""
                SELECT 1 FROM strangler_id_map m JOIN {sql.Root} t0 ON t0.{sql.RootKey} = m.new_id
                WHERE m.context = {context} AND m.kind = {sql.Kind} AND m.public_id = {id} FOR UPDATE OF t0
                """);
        }

        for (var table = 0; table < sql.Names.Length; table++)
        {
            batch.Add($"SELECT 1 FROM {sql.Names[table]} WHERE {sql.Keys[table]} = {id}{sql.OfContext[table]} FOR UPDATE");
        }

        return batch;
    }

    /// <summary>How many results <see cref="Lock"/> has.</summary>
    public int Locks => _isMapped ? 1 : sql.Names.Length;

    /// <summary>Public id, new id (NULL on legacy) and the columns of the tables with at most one row, of many ids, in order.</summary>
    public Batch SelectSingles(Batch batch, KeySet keys)
    {
        if (_isMapped)
        {
            batch.Part($"""
                SELECT m.public_id, m.new_id, {sql.Columns} FROM strangler_id_map m LEFT JOIN {sql.Root} t0 ON t0.{sql.RootKey} = m.new_id{sql.Joins}
                WHERE m.context = {context} AND m.kind = {sql.Kind} AND m.public_id
                """);
        }
        else
        {
            batch.Part($"SELECT CAST(t0.{sql.RootKey} AS bigint), CAST(NULL AS bigint), {sql.Columns} FROM {sql.Root} t0{sql.Joins} WHERE t0.{sql.RootKey}");
        }

        return keys.Append(batch).Part($" ORDER BY {_key}").End();
    }

    /// <summary>Public id and rows of a Many table, of many ids, in order.</summary>
    public Batch SelectMany(Batch batch, int table, KeySet keys)
    {
        if (_isMapped)
        {
            batch.Part($"""
                SELECT m.public_id, {sql.ManyColumns[table]} FROM strangler_id_map m JOIN {sql.Names[table]} x ON x.{sql.Keys[table]} = m.new_id
                WHERE m.context = {context} AND m.kind = {sql.Kind} AND m.public_id
                """);
            return keys.Append(batch).Part($" ORDER BY m.public_id, {sql.ManyOrder[table]}").End();
        }

        batch.Part($"SELECT CAST(x.{sql.Keys[table]} AS bigint), {sql.ManyColumns[table]} FROM {sql.Names[table]} x WHERE x.{sql.Keys[table]}");
        return keys.Append(batch).Part($"{sql.OfContext[table]} ORDER BY x.{sql.Keys[table]}, {sql.ManyOrder[table]}").End();
    }

    /// <summary>Public id and whether a root row is there, of a range, in order.</summary>
    public Batch SelectKeys(Batch batch, long from, long to) => _isMapped
        ? batch.Add($"""
            SELECT m.public_id, t0.{sql.RootKey} IS NOT NULL FROM strangler_id_map m LEFT JOIN {sql.Root} t0 ON t0.{sql.RootKey} = m.new_id
            WHERE m.context = {context} AND m.kind = {sql.Kind} AND m.public_id BETWEEN {from} AND {to} ORDER BY m.public_id
            """)
        : batch.Add($"SELECT CAST(t0.{sql.RootKey} AS bigint), true FROM {sql.Root} t0 WHERE t0.{sql.RootKey} BETWEEN {from} AND {to} ORDER BY 1");
}
