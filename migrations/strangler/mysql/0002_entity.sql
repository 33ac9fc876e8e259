-- side: both
-- The version of the state that this side's rows hold, by public id. Epoch 0: no version yet (a lock, or a trigger's mark).
CREATE TABLE IF NOT EXISTS strangler_entity (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    `key` BIGINT UNSIGNED NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL DEFAULT 0,
    counter BIGINT UNSIGNED NOT NULL DEFAULT 0,
    foreign_seq BIGINT UNSIGNED NOT NULL DEFAULT 0,
    tombstone TINYINT NOT NULL DEFAULT 0,
    field_hashes VARBINARY(4096) NOT NULL DEFAULT '',
    PRIMARY KEY (context, kind, `key`)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
