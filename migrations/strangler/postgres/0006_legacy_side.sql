-- side: legacy
-- What only a legacy side has. Heartbeats of the processes that write to a context.
CREATE TABLE IF NOT EXISTS strangler_replica (
    context text COLLATE "C" NOT NULL,
    name text NOT NULL,
    build text NOT NULL,
    newest_known_stage text COLLATE "C" NOT NULL,
    seen timestamptz NOT NULL,
    PRIMARY KEY (context, name)
)
-- step
-- Public ids taken from the legacy table's own sequence, for creates while the new side leads.
CREATE TABLE IF NOT EXISTS strangler_id_block (
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    first_id bigint NOT NULL CHECK (first_id > 0),
    last_id bigint NOT NULL,
    step integer NOT NULL DEFAULT 1 CHECK (step > 0),
    reserved_at timestamptz NOT NULL,
    PRIMARY KEY (context, kind, first_id)
)
-- step
-- The triggers that capture other programs' writes, as they were installed. By the checksum one can tell whether a function was changed by somebody,
-- or the mapping has moved on; by the stamp (object and transaction of the catalog's rows), whether the trigger was dropped, disabled or altered
-- since, also where it was put back.
CREATE TABLE IF NOT EXISTS strangler_capture (
    context text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    checksum text COLLATE "C" NOT NULL,
    stamp text COLLATE "C" NOT NULL,
    installed_at timestamptz NOT NULL,
    installed_by text NOT NULL,
    PRIMARY KEY (context, name)
)
-- step
-- What the capture triggers note of other programs' writes, one row a statement. Nobody but the relays reads it: they add it up and remove it. No
-- index beside the key: each would cost every such write.
CREATE TABLE IF NOT EXISTS strangler_foreign_write (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    context text COLLATE "C" NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    columns text COLLATE "C" NOT NULL,
    writer text COLLATE "C" NOT NULL,
    program text COLLATE "C" NOT NULL,
    written_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)
-- step
-- The sums: a row a day, writer, table, event and changed column; the one with an empty column counts the statements altogether.
CREATE TABLE IF NOT EXISTS strangler_census (
    context text COLLATE "C" NOT NULL,
    day date NOT NULL,
    writer text COLLATE "C" NOT NULL,
    program text COLLATE "C" NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    column_name text COLLATE "C" NOT NULL,
    writes bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (context, day, writer, program, table_name, event, column_name)
)
-- step
-- Entities that another program has changed and whose entity row it could not have: its snapshot was older than what somebody had written there, or
-- it would have waited for too long. The relays put them into the journal once they are committed, and remove them.
CREATE TABLE IF NOT EXISTS strangler_foreign_touch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key bigint NOT NULL,
    writer text NOT NULL,
    written_at timestamptz NOT NULL
)
