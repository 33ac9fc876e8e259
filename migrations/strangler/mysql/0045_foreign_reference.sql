-- side: legacy
-- Rows that another program has changed and no entity was seen to refer to, perhaps only because the program's snapshot was older than the
-- reference. The relays look again once it is committed, and remove them.
CREATE TABLE IF NOT EXISTS strangler_foreign_reference (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    table_name VARCHAR(64) NOT NULL,
    reference BIGINT NOT NULL,
    writer VARCHAR(190) NOT NULL,
    written_at DATETIME(6) NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
