-- side: both
-- What the protocol of writes rests on. Names are compared by their bytes (COLLATE "C"), whatever the database's own collation is; times are
-- timestamptz, so that no session's time zone matters.

-- One row per context: the truth about which stage and epoch writers must hold on this side. It is read behind an advisory lock of the
-- transaction, which writers share and whoever sets it takes alone.
CREATE TABLE IF NOT EXISTS strangler_fence (
    context text COLLATE "C" NOT NULL PRIMARY KEY,
    role text COLLATE "C" NOT NULL,
    stage text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL CHECK (epoch >= 0),
    dual_epoch bigint NOT NULL CHECK (dual_epoch >= 0),
    deadline timestamptz
)
-- step
-- The version of the state that this side's rows hold, by public id. Epoch 0: no version yet (a lock). Who wrote it last on this side (empty: it
-- accepted the other side's state), and when the row changed last. base_*: the state that both sides agreed on last, behind what this side
-- has written since.
CREATE TABLE IF NOT EXISTS strangler_entity (
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key bigint NOT NULL CHECK (key > 0),
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    counter bigint NOT NULL DEFAULT 0 CHECK (counter >= 0),
    foreign_seq bigint NOT NULL DEFAULT 0 CHECK (foreign_seq >= 0),
    tombstone boolean NOT NULL DEFAULT false,
    field_hashes bytea NOT NULL DEFAULT '',
    writer text NOT NULL DEFAULT '',
    changed_at timestamptz,
    base_epoch bigint NOT NULL DEFAULT 0,
    base_counter bigint NOT NULL DEFAULT 0,
    base_hashes bytea NOT NULL DEFAULT '',
    PRIMARY KEY (context, kind, key)
)
-- step
-- One row per committed version that the other side may lack. A claimed row's next_attempt_at is the end of its lease, so that one index
-- serves claims and expired leases alike. Rows come and go: it is vacuumed by their number, not by its size.
CREATE TABLE IF NOT EXISTS strangler_journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key bigint NOT NULL CHECK (key > 0),
    epoch bigint NOT NULL DEFAULT 0,
    counter bigint NOT NULL DEFAULT 0,
    foreign_seq bigint NOT NULL DEFAULT 0,
    origin text COLLATE "C" NOT NULL DEFAULT 'own',
    created_at timestamptz NOT NULL,
    actor text NOT NULL DEFAULT '',
    state text COLLATE "C" NOT NULL DEFAULT 'open',
    owner text NOT NULL DEFAULT '',
    generation bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    last_error text NOT NULL DEFAULT ''
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)
-- step
CREATE INDEX IF NOT EXISTS strangler_journal_due ON strangler_journal (context, state, next_attempt_at)
-- step
CREATE INDEX IF NOT EXISTS strangler_journal_age ON strangler_journal (context, state, created_at)
-- step
CREATE INDEX IF NOT EXISTS strangler_journal_key ON strangler_journal (context, kind, key)
-- step
-- Results of requests that carried a key; no values; kept 7 days.
CREATE TABLE IF NOT EXISTS strangler_request (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    request_key bytea NOT NULL,
    public_id bigint NOT NULL,
    epoch bigint NOT NULL,
    counter bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT strangler_request_key UNIQUE (context, request_key)
)
-- step
CREATE INDEX IF NOT EXISTS strangler_request_entity ON strangler_request (context, kind, public_id, id)
-- step
CREATE INDEX IF NOT EXISTS strangler_request_age ON strangler_request (context, created_at)
-- step
-- Acts of operators.
CREATE TABLE IF NOT EXISTS strangler_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    context text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    from_stage text NOT NULL,
    to_stage text NOT NULL,
    epoch bigint NOT NULL,
    forced boolean NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL
)
-- step
CREATE INDEX IF NOT EXISTS strangler_audit_context ON strangler_audit (context, id)
