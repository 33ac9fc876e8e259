-- side: new
-- The unfinished purge of each kind: where it goes on.
CREATE TABLE IF NOT EXISTS strangler_purge (
    context text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    next_id bigint NOT NULL,
    purged bigint NOT NULL,
    began_at timestamptz NOT NULL,
    PRIMARY KEY (context, kind)
)
