-- side: both
-- One row per context: the truth about which stage and epoch writers must hold on this side.
CREATE TABLE IF NOT EXISTS strangler_fence (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    role VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    stage VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    dual_epoch BIGINT UNSIGNED NOT NULL,
    deadline DATETIME(6) NULL,
    PRIMARY KEY (context)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
