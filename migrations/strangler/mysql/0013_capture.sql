-- side: legacy
-- The triggers that capture other programs' writes, as they were installed. By the checksum of its body one can tell whether a trigger was
-- changed by somebody, or the mapping has moved on.
CREATE TABLE IF NOT EXISTS strangler_capture (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(64) NOT NULL,
    table_name VARCHAR(64) NOT NULL,
    event VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    installed_at DATETIME(6) NOT NULL,
    installed_by VARCHAR(190) NOT NULL,
    PRIMARY KEY (context, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
