-- Who did what, from which program, in columns of their own: told from the message, which alone goes back to legacy. What a message does not say is ''.
-- Searched by day, or by a user and day: WHERE actor_hash = UNHEX(SHA2('erika', 256)) AND logged_at >= '2021-05-04' AND logged_at < '2021-05-05'.
--
-- Entries that are there already get them with the next write of their membership; until then a reconciliation finds them, and repair fills them in.
ALTER TABLE membership_log_entry
  ADD COLUMN program VARCHAR(64) NOT NULL DEFAULT '',
  ADD COLUMN actor VARCHAR(64) NOT NULL DEFAULT '',
  ADD COLUMN action VARCHAR(32) NOT NULL DEFAULT 'other',
  ADD COLUMN actor_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(actor, '') AS BINARY), 256))) STORED,
  ADD KEY membership_log_entry_actor (actor_hash, logged_at),
  ADD KEY membership_log_entry_time (logged_at)
