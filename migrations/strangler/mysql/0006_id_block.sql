-- side: legacy
-- Public ids burnt in the legacy table's own allotting, for creates while the new side leads.
CREATE TABLE IF NOT EXISTS strangler_id_block (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    first_id BIGINT UNSIGNED NOT NULL,
    last_id BIGINT UNSIGNED NOT NULL,
    step INT UNSIGNED NOT NULL DEFAULT 1,
    reserved_at DATETIME(6) NOT NULL,
    PRIMARY KEY (context, kind, first_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
