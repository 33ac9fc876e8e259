-- side: new
-- The search for lost obligations: one walk a kind, which all replicas share turn by turn.
CREATE TABLE IF NOT EXISTS strangler_obligation_walk (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL DEFAULT 0,
    after_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
    checked BIGINT UNSIGNED NOT NULL DEFAULT 0,
    owner VARCHAR(190) NOT NULL DEFAULT '',
    due_at DATETIME(6) NOT NULL,
    completed_at DATETIME(6) NULL,
    completed_checked BIGINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (context, kind)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
-- step
-- Keys whose follower is behind without a journal row; a row leaves when its key is mended.
CREATE TABLE IF NOT EXISTS strangler_lost_obligation (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    `key` BIGINT UNSIGNED NOT NULL,
    found_at DATETIME(6) NOT NULL,
    PRIMARY KEY (context, kind, `key`)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
