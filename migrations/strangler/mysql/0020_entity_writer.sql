-- side: both
-- Who wrote the entity last on this side (empty: it accepted the other side's state), and when the row changed last. The server keeps
-- the time by itself. Rows from before have none.
ALTER TABLE strangler_entity
    ADD COLUMN writer VARCHAR(190) NOT NULL DEFAULT '',
    ADD COLUMN changed_at TIMESTAMP(6) NULL DEFAULT NULL
-- step
ALTER TABLE strangler_entity
    MODIFY COLUMN changed_at TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
