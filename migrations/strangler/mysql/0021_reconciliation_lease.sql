-- side: new
-- Who reconciles a context: one row a context, whose token is empty while nobody does. A holder that falls silent loses it at until_at.
CREATE TABLE IF NOT EXISTS strangler_reconciliation_lease (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    token VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    scope VARCHAR(1000) NOT NULL DEFAULT '',
    actor VARCHAR(190) NOT NULL DEFAULT '',
    host VARCHAR(190) NOT NULL DEFAULT '',
    host_id VARCHAR(190) NOT NULL DEFAULT '',
    pid BIGINT NOT NULL DEFAULT 0,
    process_started VARCHAR(64) NOT NULL DEFAULT '',
    since_at DATETIME(6) NULL,
    until_at DATETIME(6) NULL,
    PRIMARY KEY (context)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
-- step
-- How far a run has come, with what it has counted so far; values of personal fields masked as in a report.
CREATE TABLE IF NOT EXISTS strangler_reconciliation_checkpoint (
    run_id BIGINT UNSIGNED NOT NULL,
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    saved_at DATETIME(6) NOT NULL,
    state LONGTEXT NOT NULL,
    PRIMARY KEY (run_id),
    KEY strangler_reconciliation_checkpoint_context (context, kind, run_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
