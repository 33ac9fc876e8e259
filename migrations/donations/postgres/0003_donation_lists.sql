-- What a donation has many of, in order. The legacy log was keyed by second and lost the second event of a second; this one does not.
CREATE TABLE IF NOT EXISTS donation_log_entry (
  donation_id bigint NOT NULL CHECK (donation_id > 0),
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  logged_at timestamp(0),
  message text NOT NULL DEFAULT '',
  PRIMARY KEY (donation_id, ordinal),
  CONSTRAINT donation_log_entry_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
)
-- step
-- follow_up_id is a public id, the one that legacy and all callers use, and no foreign key: the donation may be gone.
CREATE TABLE IF NOT EXISTS donation_follow_up (
  donation_id bigint NOT NULL CHECK (donation_id > 0),
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  transaction_id text NOT NULL DEFAULT '',
  follow_up_id bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (donation_id, ordinal),
  CONSTRAINT donation_follow_up_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
)
-- step
CREATE INDEX IF NOT EXISTS donation_follow_up_child ON donation_follow_up (follow_up_id)
-- step
CREATE TABLE IF NOT EXISTS donation_moderation_reason (
  donation_id bigint NOT NULL CHECK (donation_id > 0),
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  identifier varchar(50) NOT NULL DEFAULT '',
  source varchar(32) NOT NULL DEFAULT '',
  PRIMARY KEY (donation_id, ordinal),
  CONSTRAINT donation_moderation_reason_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
)
-- step
-- What legacy holds and no column here expresses, byte for byte; name is its legacy place.
CREATE TABLE IF NOT EXISTS donation_legacy_extra (
  donation_id bigint NOT NULL CHECK (donation_id > 0),
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  name text NOT NULL DEFAULT '',
  content bytea NOT NULL,
  PRIMARY KEY (donation_id, ordinal),
  CONSTRAINT donation_legacy_extra_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
)
