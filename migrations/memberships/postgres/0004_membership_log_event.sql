-- Who did what, from which program, in columns of their own: told from the message, which alone goes back to legacy. What a message does not say is ''.
-- Searched by day, or by a user and day: WHERE actor_hash = sha256('erika') AND logged_at >= '2021-05-04' AND logged_at < '2021-05-05'.
--
-- Entries that are there already get them with the next write of their membership; until then a reconciliation finds them, and repair fills them in.
ALTER TABLE membership_log_entry
  ADD COLUMN IF NOT EXISTS program varchar(64) NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS actor varchar(64) NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS action varchar(32) NOT NULL DEFAULT 'other',
  ADD COLUMN IF NOT EXISTS actor_hash bytea GENERATED ALWAYS AS (strangler_sha256(NULLIF(actor, ''))) STORED
-- step
CREATE INDEX IF NOT EXISTS membership_log_entry_actor ON membership_log_entry (actor_hash, logged_at)
-- step
CREATE INDEX IF NOT EXISTS membership_log_entry_time ON membership_log_entry (logged_at)
