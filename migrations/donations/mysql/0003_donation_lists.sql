-- What a donation has many of, in order. The legacy log was keyed by second and lost the second event of a second; this one does not.
CREATE TABLE IF NOT EXISTS donation_log_entry (
  donation_id BIGINT UNSIGNED NOT NULL,
  ordinal INT UNSIGNED NOT NULL,
  logged_at DATETIME NULL DEFAULT NULL,
  message TEXT NOT NULL DEFAULT (''),
  PRIMARY KEY (donation_id, ordinal),
  CONSTRAINT donation_log_entry_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
-- follow_up_id is a public id, the one that legacy and all callers use, and no foreign key: the donation may be gone.
CREATE TABLE IF NOT EXISTS donation_follow_up (
  donation_id BIGINT UNSIGNED NOT NULL,
  ordinal INT UNSIGNED NOT NULL,
  transaction_id TEXT NOT NULL DEFAULT (''),
  follow_up_id BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (donation_id, ordinal),
  KEY donation_follow_up_child (follow_up_id),
  CONSTRAINT donation_follow_up_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS donation_moderation_reason (
  donation_id BIGINT UNSIGNED NOT NULL,
  ordinal INT UNSIGNED NOT NULL,
  identifier VARCHAR(50) NOT NULL DEFAULT '',
  source VARCHAR(32) NOT NULL DEFAULT '',
  PRIMARY KEY (donation_id, ordinal),
  CONSTRAINT donation_moderation_reason_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
-- What legacy holds and no column here expresses, byte for byte; name is its legacy place.
CREATE TABLE IF NOT EXISTS donation_legacy_extra (
  donation_id BIGINT UNSIGNED NOT NULL,
  ordinal INT UNSIGNED NOT NULL,
  name TEXT NOT NULL DEFAULT (''),
  content MEDIUMBLOB NOT NULL,
  PRIMARY KEY (donation_id, ordinal),
  CONSTRAINT donation_legacy_extra_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
