-- side: both
-- Answers of operators' requests that carried a key: no personal data; kept as long as request keys.
CREATE TABLE IF NOT EXISTS strangler_answer (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    request_key VARBINARY(32) NOT NULL,
    fingerprint VARBINARY(32) NOT NULL,
    owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    lease_until DATETIME(6) NOT NULL,
    answer MEDIUMTEXT NULL,
    created_at DATETIME(6) NOT NULL,
    PRIMARY KEY (context, request_key),
    KEY strangler_answer_age (context, created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
