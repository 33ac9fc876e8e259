-- side: new
-- What services plan, and what came of it: one row a schedule of a context. Who raises due_at to an occurrence runs it, and nobody else.
CREATE TABLE IF NOT EXISTS strangler_reconciliation_schedule (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(190) NOT NULL,
    next_at DATETIME(6) NULL,
    seen_at DATETIME(6) NOT NULL,
    seen_by VARCHAR(190) NOT NULL,
    due_at DATETIME(6) NULL,
    taken_by VARCHAR(190) NOT NULL DEFAULT '',
    run_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
    outcome VARCHAR(1000) NOT NULL DEFAULT '',
    PRIMARY KEY (context, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
