-- side: both
-- Answers of operators' requests that carried a key: no personal data; kept as long as request keys.
CREATE TABLE IF NOT EXISTS strangler_answer (
    context text COLLATE "C" NOT NULL,
    request_key bytea NOT NULL,
    fingerprint bytea NOT NULL,
    owner text COLLATE "C" NOT NULL,
    lease_until timestamptz NOT NULL,
    answer text NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (context, request_key)
)
-- step
CREATE INDEX IF NOT EXISTS strangler_answer_age ON strangler_answer (context, created_at)
