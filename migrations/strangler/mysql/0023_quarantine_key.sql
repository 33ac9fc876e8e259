-- side: new
-- Legacy's ids may be negative, and such a row has to be listed, too.
ALTER TABLE strangler_quarantine MODIFY `key` BIGINT NOT NULL
