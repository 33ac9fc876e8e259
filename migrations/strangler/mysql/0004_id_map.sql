-- side: new
-- Pairs (public id, new id), unique both ways; never deleted.
CREATE TABLE IF NOT EXISTS strangler_id_map (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    public_id BIGINT UNSIGNED NOT NULL,
    new_id BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (context, kind, public_id),
    UNIQUE KEY strangler_id_map_new (context, kind, new_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
