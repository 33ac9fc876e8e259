-- side: new
-- The new side's copy of the blocks with how far each is used. Used blocks stay: a copy that is repeated must not offer them again.
CREATE TABLE IF NOT EXISTS strangler_id_pool (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    first_id BIGINT UNSIGNED NOT NULL,
    last_id BIGINT UNSIGNED NOT NULL,
    step INT UNSIGNED NOT NULL DEFAULT 1,
    next_id BIGINT UNSIGNED NOT NULL,
    used TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (context, kind, first_id),
    KEY strangler_id_pool_open (context, kind, used, first_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
