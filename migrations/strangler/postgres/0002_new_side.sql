-- side: new
-- Pairs (public id, new id), unique both ways; never deleted.
CREATE TABLE IF NOT EXISTS strangler_id_map (
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    public_id bigint NOT NULL CHECK (public_id > 0),
    new_id bigint NOT NULL CHECK (new_id > 0),
    PRIMARY KEY (context, kind, public_id),
    CONSTRAINT strangler_id_map_new UNIQUE (context, kind, new_id)
)
-- step
-- The new side's copy of the reserved blocks with how far each is used. Used blocks stay: a copy that is repeated must not offer them again.
CREATE TABLE IF NOT EXISTS strangler_id_pool (
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    first_id bigint NOT NULL CHECK (first_id > 0),
    last_id bigint NOT NULL,
    step integer NOT NULL DEFAULT 1 CHECK (step > 0),
    next_id bigint NOT NULL,
    used boolean NOT NULL DEFAULT false,
    PRIMARY KEY (context, kind, first_id)
)
-- step
-- Rows that cannot be read. Legacy's ids may be negative, and such a row has to be listed, too.
CREATE TABLE IF NOT EXISTS strangler_quarantine (
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key bigint NOT NULL,
    place text NOT NULL,
    reason text NOT NULL,
    since timestamptz NOT NULL,
    signed_off_by text,
    sign_off_reason text,
    PRIMARY KEY (context, kind, key)
)
-- step
CREATE TABLE IF NOT EXISTS strangler_backfill (
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    dual_epoch bigint NOT NULL,
    pass integer NOT NULL,
    next_id bigint NOT NULL,
    written_in_pass bigint NOT NULL,
    phase text COLLATE "C" NOT NULL,
    completed_at timestamptz,
    PRIMARY KEY (context, kind)
)
-- step
-- Entities that another program and the new side have changed in the same field, and nobody has decided about. Values are personal data: a
-- row goes when it is resolved, and when the entity is erased or deleted.
CREATE TABLE IF NOT EXISTS strangler_conflict (
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key bigint NOT NULL,
    epoch bigint NOT NULL,
    counter bigint NOT NULL,
    foreign_seq bigint NOT NULL,
    reason text NOT NULL,
    writer text NOT NULL,
    since_at timestamptz NOT NULL,
    field_values text NOT NULL,
    PRIMARY KEY (context, kind, key)
)
-- step
CREATE INDEX IF NOT EXISTS strangler_conflict_since ON strangler_conflict (context, since_at)
-- step
-- The search for lost obligations: one walk a kind, which all replicas share turn by turn.
CREATE TABLE IF NOT EXISTS strangler_obligation_walk (
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    after_id bigint NOT NULL DEFAULT 0,
    checked bigint NOT NULL DEFAULT 0,
    owner text NOT NULL DEFAULT '',
    due_at timestamptz NOT NULL,
    completed_at timestamptz,
    completed_checked bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (context, kind)
)
-- step
-- Keys whose follower is behind without a journal row; a row leaves when its key is mended.
CREATE TABLE IF NOT EXISTS strangler_lost_obligation (
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key bigint NOT NULL,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (context, kind, key)
)
-- step
-- Of a text's bytes, for generated columns by which long or secret texts are found. convert_to is not immutable, since a database's encoding
-- might be another; here it is UTF-8 (migrate refuses others), and the bytes of a text are always the same.
CREATE OR REPLACE FUNCTION strangler_sha256(value text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT sha256(convert_to(value, 'UTF8')) $$
