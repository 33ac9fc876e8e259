-- side: both
CREATE TABLE IF NOT EXISTS strangler_audit (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at DATETIME(6) NOT NULL,
    actor VARCHAR(190) NOT NULL,
    action VARCHAR(64) NOT NULL,
    from_stage VARCHAR(16) NOT NULL,
    to_stage VARCHAR(16) NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    forced TINYINT NOT NULL,
    reason TEXT NOT NULL,
    detail MEDIUMTEXT NOT NULL,
    PRIMARY KEY (id),
    KEY strangler_audit_context (context, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
