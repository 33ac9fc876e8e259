-- side: legacy
-- A lock for each table of shared rows: whoever finds none and inserts one holds it to the end of the transaction. Not keyed by context, since
-- contexts may share such a table.
CREATE TABLE IF NOT EXISTS strangler_lookup (
    table_name VARCHAR(64) NOT NULL,
    PRIMARY KEY (table_name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
