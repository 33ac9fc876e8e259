-- side: both
-- Results of requests that carried a key; no values; kept 7 days.
CREATE TABLE IF NOT EXISTS strangler_request (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    request_key VARBINARY(255) NOT NULL,
    public_id BIGINT UNSIGNED NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    counter BIGINT UNSIGNED NOT NULL,
    created_at DATETIME(6) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY strangler_request_key (context, request_key),
    KEY strangler_request_entity (context, kind, public_id),
    KEY strangler_request_age (created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
