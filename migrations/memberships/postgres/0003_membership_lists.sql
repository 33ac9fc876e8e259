-- What an application has many of, in order; where legacy has no order, sorted.
CREATE TABLE IF NOT EXISTS membership_log_entry (
  membership_id bigint NOT NULL CHECK (membership_id > 0),
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  logged_at timestamp(0),
  message text NOT NULL DEFAULT '',
  PRIMARY KEY (membership_id, ordinal),
  CONSTRAINT membership_log_entry_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
)
-- step
CREATE TABLE IF NOT EXISTS membership_incentive (
  membership_id bigint NOT NULL CHECK (membership_id > 0),
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  name varchar(32) NOT NULL DEFAULT '',
  PRIMARY KEY (membership_id, ordinal),
  CONSTRAINT membership_incentive_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
)
-- step
CREATE TABLE IF NOT EXISTS membership_moderation_reason (
  membership_id bigint NOT NULL CHECK (membership_id > 0),
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  identifier varchar(50) NOT NULL DEFAULT '',
  source varchar(32) NOT NULL DEFAULT '',
  PRIMARY KEY (membership_id, ordinal),
  CONSTRAINT membership_moderation_reason_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
)
-- step
-- What legacy holds and no column here expresses, byte for byte; name is its legacy place.
CREATE TABLE IF NOT EXISTS membership_legacy_extra (
  membership_id bigint NOT NULL CHECK (membership_id > 0),
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  name text NOT NULL DEFAULT '',
  content bytea NOT NULL,
  PRIMARY KEY (membership_id, ordinal),
  CONSTRAINT membership_legacy_extra_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
)
