-- side: new
CREATE TABLE IF NOT EXISTS strangler_reconciliation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    context text COLLATE "C" NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    is_full boolean NOT NULL,
    scope text NOT NULL,
    outcome text COLLATE "C" NOT NULL DEFAULT '',
    report text NOT NULL
)
-- step
CREATE INDEX IF NOT EXISTS strangler_reconciliation_context ON strangler_reconciliation (context, id)
-- step
CREATE TABLE IF NOT EXISTS strangler_disturbance (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    context text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    what text NOT NULL
)
-- step
CREATE INDEX IF NOT EXISTS strangler_disturbance_at ON strangler_disturbance (context, at)
-- step
CREATE TABLE IF NOT EXISTS strangler_shadow (
    context text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    shadow_reads bigint NOT NULL DEFAULT 0,
    mismatches bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (context, epoch)
)
-- step
CREATE TABLE IF NOT EXISTS strangler_shadow_mismatch (
    context text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    key bigint NOT NULL,
    fields text NOT NULL,
    hits bigint NOT NULL DEFAULT 1,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (context, epoch, key)
)
-- step
-- Who reconciles a context: one row a context, whose token is empty while nobody does. A holder that falls silent loses it at until_at.
CREATE TABLE IF NOT EXISTS strangler_reconciliation_lease (
    context text COLLATE "C" NOT NULL PRIMARY KEY,
    token text COLLATE "C" NOT NULL DEFAULT '',
    scope text NOT NULL DEFAULT '',
    actor text NOT NULL DEFAULT '',
    host text NOT NULL DEFAULT '',
    host_id text NOT NULL DEFAULT '',
    pid bigint NOT NULL DEFAULT 0,
    process_started text NOT NULL DEFAULT '',
    since_at timestamptz,
    until_at timestamptz
)
-- step
-- How far a run has come, with what it has counted so far; values of personal fields masked as in a report.
CREATE TABLE IF NOT EXISTS strangler_reconciliation_checkpoint (
    run_id bigint NOT NULL PRIMARY KEY,
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    saved_at timestamptz NOT NULL,
    state text NOT NULL
)
-- step
CREATE INDEX IF NOT EXISTS strangler_reconciliation_checkpoint_context ON strangler_reconciliation_checkpoint (context, kind, run_id)
-- step
-- What services plan, and what came of it: one row a schedule of a context. Who raises due_at to an occurrence runs it, and nobody else.
CREATE TABLE IF NOT EXISTS strangler_reconciliation_schedule (
    context text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    next_at timestamptz,
    seen_at timestamptz NOT NULL,
    seen_by text NOT NULL,
    due_at timestamptz,
    taken_by text NOT NULL DEFAULT '',
    run_id bigint NOT NULL DEFAULT 0,
    outcome text NOT NULL DEFAULT '',
    PRIMARY KEY (context, name)
)
