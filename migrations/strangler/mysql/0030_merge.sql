-- side: new
-- The state that both sides agreed on last, behind what the new side has written since: other programs' writes to legacy are merged against
-- it. Set when a write of the new side goes over a state that it had accepted, and by a merge; it counts unless legacy has accepted a newer one.
ALTER TABLE strangler_entity
    ADD COLUMN base_epoch BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN base_counter BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN base_hashes VARBINARY(4096) NOT NULL DEFAULT ''
-- step
-- Entities that another program and the new side have changed in the same field, and nobody has decided about. Values are personal data: a
-- row goes when it is resolved, and when the entity is erased or deleted.
CREATE TABLE IF NOT EXISTS strangler_conflict (
    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    `key` BIGINT UNSIGNED NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    counter BIGINT UNSIGNED NOT NULL,
    foreign_seq BIGINT UNSIGNED NOT NULL,
    reason VARCHAR(1000) NOT NULL,
    writer VARCHAR(190) NOT NULL,
    since_at DATETIME(6) NOT NULL,
    field_values LONGTEXT NOT NULL,
    PRIMARY KEY (context, kind, `key`),
    KEY strangler_conflict_since (context, since_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
