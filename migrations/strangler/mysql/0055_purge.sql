-- side: new
-- The unfinished purge of each kind: where it goes on.
CREATE TABLE IF NOT EXISTS strangler_purge (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    next_id BIGINT NOT NULL,
    purged BIGINT UNSIGNED NOT NULL,
    began_at DATETIME(6) NOT NULL,
    PRIMARY KEY (context, kind)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
