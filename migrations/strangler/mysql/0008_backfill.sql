-- side: new
CREATE TABLE IF NOT EXISTS strangler_quarantine (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    `key` BIGINT UNSIGNED NOT NULL,
    place VARCHAR(255) NOT NULL,
    reason VARCHAR(1000) NOT NULL,
    since DATETIME(6) NOT NULL,
    signed_off_by VARCHAR(190) NULL,
    sign_off_reason VARCHAR(1000) NULL,
    PRIMARY KEY (context, kind, `key`)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
-- step
CREATE TABLE IF NOT EXISTS strangler_backfill (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    dual_epoch BIGINT UNSIGNED NOT NULL,
    pass INT NOT NULL,
    next_id BIGINT NOT NULL,
    written_in_pass BIGINT NOT NULL,
    phase VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    completed_at DATETIME(6) NULL,
    PRIMARY KEY (context, kind)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
