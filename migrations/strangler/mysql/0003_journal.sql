-- side: both
-- One row per committed version that the other side may lack. A claimed row's next_attempt_at is the end of its lease, so that
-- one index serves claims and expired leases alike.
CREATE TABLE IF NOT EXISTS strangler_journal (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    `key` BIGINT UNSIGNED NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL DEFAULT 0,
    counter BIGINT UNSIGNED NOT NULL DEFAULT 0,
    foreign_seq BIGINT UNSIGNED NOT NULL DEFAULT 0,
    origin VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'own',
    created_at DATETIME(6) NOT NULL,
    actor VARCHAR(190) NOT NULL DEFAULT '',
    state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'open',
    owner VARCHAR(190) NOT NULL DEFAULT '',
    generation BIGINT UNSIGNED NOT NULL DEFAULT 0,
    lease_until DATETIME(6) NULL,
    attempts INT UNSIGNED NOT NULL DEFAULT 0,
    next_attempt_at DATETIME(6) NOT NULL,
    last_error VARCHAR(1000) NOT NULL DEFAULT '',
    PRIMARY KEY (id),
    KEY strangler_journal_due (context, state, next_attempt_at),
    KEY strangler_journal_age (context, state, created_at),
    KEY strangler_journal_key (context, kind, `key`)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
