using Npgsql;
using Strangler.DualWrite;
using Strangler.IdMap;

namespace Strangler.Postgres;

/// <summary>Reserves public ids in legacy's own allotting: values are taken from the sequence of the table's key and recorded.</summary>
/// <remarks>
/// A sequence never gives a value twice, whether the transaction that took it commits or not: what is recorded is ours, and what is not is a gap. Others
/// take values at the same time, so they need not be consecutive; each run of them is a block. The log of the sequence is written before that of the
/// record, whose commit waits for the disk: after a crash the server goes on above it.
/// https://www.postgresql.org/docs/15/functions-sequence.html
/// </remarks>
internal sealed class PostgresIdBlocks(PostgresSide side, IReadOnlyDictionary<string, AggregateSql> kinds) : IIdBlocks
{
    public async Task<long> ReserveAsync(string kind, long count, CancellationToken cancellationToken)
    {
        var sequence = await SequenceAsync(kind, cancellationToken).ConfigureAwait(false);
        if (await OverlapAsync(sequence, kind, cancellationToken).ConfigureAwait(false) is var overlap and > 0)
        {
            throw new SideUnavailableException(
                side.Name,
                $"{sequence.Name} would allot {overlap} reserved ids again; was it restarted, or restored from a backup? Raise it above strangler_id_block "
                + "first: ALTER SEQUENCE … RESTART WITH ….",
                false,
                new NotSupportedException());
        }

        var taken = await side.WriteAsync(
            new Batch().Add($"SET LOCAL synchronous_commit = on").Add($"""
                WITH ids AS MATERIALIZED (SELECT nextval(CAST(CAST({sequence.Name} AS text) AS regclass)) AS id FROM generate_series(1, {count})),
                runs AS (SELECT id, id - {sequence.Step} * row_number() OVER (ORDER BY id) AS run FROM ids),
                blocks AS (INSERT INTO strangler_id_block (context, kind, first_id, last_id, step, reserved_at)
                    SELECT {side.Context}, {kind}, MIN(id), MAX(id), {sequence.Step}, statement_timestamp() FROM runs GROUP BY run
                    RETURNING (last_id - first_id) / step + 1 AS size)
                SELECT CAST(SUM(size) AS bigint) FROM blocks
                """),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? reader.GetInt64(0) : 0,
            cancellationToken,
            background: true).ConfigureAwait(false);
        return taken;
    }

    public async Task<IReadOnlyList<IdBlock>> ListAsync(string kind, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"SELECT first_id, last_id, step FROM strangler_id_block WHERE context = {side.Context} AND kind = {kind} ORDER BY first_id"),
            reader => new IdBlock(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt32(2)),
            cancellationToken).ConfigureAwait(false);

    public async Task<long> OverlapAsync(string kind, CancellationToken cancellationToken) =>
        await OverlapAsync(await SequenceAsync(kind, cancellationToken).ConfigureAwait(false), kind, cancellationToken).ConfigureAwait(false);

    private async Task<long> OverlapAsync(KeySequence sequence, string kind, CancellationToken cancellationToken)
    {
        // Blocks first: what is reserved between the two questions lies above the second answer.
        var blocks = await ListAsync(kind, cancellationToken).ConfigureAwait(false);
        var next = await side.FirstAsync(
            new Batch().Add($"SELECT CASE WHEN is_called THEN last_value + {sequence.Step} ELSE last_value END FROM {new Sql(sequence.Name)}"),
            reader => reader.GetInt64(0),
            cancellationToken,
            background: true).ConfigureAwait(false);
        return blocks.Sum(block => block.CountFrom(next));
    }

    // Of an identity column or a serial one; or of another that the default of the column names.
    private async Task<KeySequence> SequenceAsync(string kind, CancellationToken cancellationToken)
    {
        var root = kinds[kind].Layout.Root;
        var found = await side.FirstAsync(
            new Batch().Add($"""
                SELECT CAST(q.oid AS text), s.seqincrement, s.seqcycle FROM (
                    SELECT COALESCE(CAST(pg_get_serial_sequence({AggregateSql.Quote(root.Name)}, {root.KeyColumn}) AS regclass), (
                        SELECT CAST(c.oid AS regclass) FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                        JOIN pg_depend r ON r.classid = 'pg_attrdef'::regclass AND r.objid = d.oid AND r.refclassid = 'pg_class'::regclass
                        JOIN pg_class c ON c.oid = r.refobjid AND c.relkind = 'S'
                        WHERE a.attrelid = CAST(CAST({AggregateSql.Quote(root.Name)} AS text) AS regclass) AND a.attname = CAST({root.KeyColumn} AS text)
                        LIMIT 1)) AS oid) q
                JOIN pg_sequence s ON s.seqrelid = q.oid
                """),
            reader => new KeySequence(reader.GetString(0), reader.GetInt64(1), reader.GetBoolean(2)),
            cancellationToken,
            background: true).ConfigureAwait(false);
        var problem = found switch
        {
            null => "has no sequence (GENERATED … AS IDENTITY, serial, or DEFAULT nextval(…))",
            { Step: < 1 } => $"has a sequence that counts down ({found.Name}, INCREMENT {found.Step})",
            { Step: > int.MaxValue } => $"has a sequence whose steps are too long ({found.Name}, INCREMENT {found.Step})",
            { Cycles: true } => $"has a sequence that begins anew at its end ({found.Name}, CYCLE)",
            _ => null,
        };
        return problem is null
            ? found!
            : throw new SideUnavailableException(side.Name, $"{root.Name}.{root.KeyColumn} {problem}, so no ids can be reserved.", false, new NotSupportedException());
    }

    /// <param name="Name">Quoted, and with its schema where that is needed.</param>
    /// <param name="Step">From one value to the next.</param>
    /// <param name="Cycles">Whether it gives values again.</param>
    private sealed record KeySequence(string Name, long Step, bool Cycles);
}
