-- side: legacy
-- What the capture triggers note of other programs' writes, one row a statement. Nobody but the relays reads it: they add it up and remove it. No
-- index beside the key: each would cost every such write.
CREATE TABLE IF NOT EXISTS strangler_foreign_write (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    table_name VARCHAR(64) NOT NULL,
    event VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    columns VARCHAR(2000) NOT NULL,
    writer VARCHAR(190) NOT NULL,
    connection_id BIGINT UNSIGNED NOT NULL,
    written_at DATETIME(6) NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
-- step
-- The sums: a row a day, writer, table, event and changed column; the one with an empty column counts the
-- statements altogether.
CREATE TABLE IF NOT EXISTS strangler_census (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    day DATE NOT NULL,
    writer VARCHAR(190) NOT NULL,
    program VARCHAR(128) NOT NULL,
    table_name VARCHAR(64) NOT NULL,
    event VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    column_name VARCHAR(64) NOT NULL,
    writes BIGINT UNSIGNED NOT NULL,
    first_at DATETIME(6) NOT NULL,
    last_at DATETIME(6) NOT NULL,
    PRIMARY KEY (context, day, writer, program, table_name, event, column_name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
