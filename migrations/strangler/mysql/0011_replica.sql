-- side: legacy
CREATE TABLE IF NOT EXISTS strangler_replica (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(190) NOT NULL,
    build VARCHAR(190) NOT NULL,
    newest_known_stage VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    seen DATETIME(6) NOT NULL,
    PRIMARY KEY (context, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
