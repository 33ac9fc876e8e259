-- What an application has many of, in order; where legacy has no order, sorted.
CREATE TABLE IF NOT EXISTS membership_log_entry (
  membership_id BIGINT UNSIGNED NOT NULL,
  ordinal INT UNSIGNED NOT NULL,
  logged_at DATETIME NULL DEFAULT NULL,
  message TEXT NOT NULL DEFAULT (''),
  PRIMARY KEY (membership_id, ordinal),
  CONSTRAINT membership_log_entry_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS membership_incentive (
  membership_id BIGINT UNSIGNED NOT NULL,
  ordinal INT UNSIGNED NOT NULL,
  name VARCHAR(32) NOT NULL DEFAULT '',
  PRIMARY KEY (membership_id, ordinal),
  CONSTRAINT membership_incentive_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS membership_moderation_reason (
  membership_id BIGINT UNSIGNED NOT NULL,
  ordinal INT UNSIGNED NOT NULL,
  identifier VARCHAR(50) NOT NULL DEFAULT '',
  source VARCHAR(32) NOT NULL DEFAULT '',
  PRIMARY KEY (membership_id, ordinal),
  CONSTRAINT membership_moderation_reason_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
-- What legacy holds and no column here expresses, byte for byte; name is its legacy place.
CREATE TABLE IF NOT EXISTS membership_legacy_extra (
  membership_id BIGINT UNSIGNED NOT NULL,
  ordinal INT UNSIGNED NOT NULL,
  name TEXT NOT NULL DEFAULT (''),
  content MEDIUMBLOB NOT NULL,
  PRIMARY KEY (membership_id, ordinal),
  CONSTRAINT membership_legacy_extra_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
