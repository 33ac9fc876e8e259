-- side: new
CREATE TABLE IF NOT EXISTS strangler_reconciliation (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    began_at DATETIME(6) NOT NULL,
    ended_at DATETIME(6) NULL,
    is_full TINYINT NOT NULL,
    scope VARCHAR(1000) NOT NULL,
    outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    report LONGTEXT NOT NULL,
    PRIMARY KEY (id),
    KEY strangler_reconciliation_context (context, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
-- step
CREATE TABLE IF NOT EXISTS strangler_disturbance (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at DATETIME(6) NOT NULL,
    what VARCHAR(1000) NOT NULL,
    PRIMARY KEY (id),
    KEY strangler_disturbance_at (context, at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
-- step
CREATE TABLE IF NOT EXISTS strangler_shadow (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    shadow_reads BIGINT UNSIGNED NOT NULL DEFAULT 0,
    mismatches BIGINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (context, epoch)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
-- step
CREATE TABLE IF NOT EXISTS strangler_shadow_mismatch (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    `key` BIGINT UNSIGNED NOT NULL,
    fields VARCHAR(4000) NOT NULL,
    hits BIGINT UNSIGNED NOT NULL DEFAULT 1,
    last_at DATETIME(6) NOT NULL,
    PRIMARY KEY (context, epoch, `key`)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
