-- The root of a subscription, and what hangs on it one to one. A companion row exists only while one of its columns says something.
--
-- Text: utf8mb4_unicode_ci, never NULL, '' by default. No unique key and no lookup goes by text: under the collation 'Straße' equals
-- 'Strasse'. The confirmation code, which must be found, has a generated column with the SHA-256 of its bytes; NULL for '', so that nothing
-- empty can be found. Duplicates are looked for the other way round: by the time, of which the last half hour has few, and among
-- those by the collation, which is the very rule.
--
-- Ids begin far from the legacy ids: code that goes around the id map is found out at once.

CREATE TABLE IF NOT EXISTS subscription (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  created_at DATETIME NULL DEFAULT NULL,
  email VARCHAR(250) NOT NULL DEFAULT '',
  full_name VARCHAR(250) NOT NULL DEFAULT '',
  confirmation VARCHAR(32) NOT NULL DEFAULT 'unconfirmed',
  is_moderated TINYINT(1) NOT NULL DEFAULT 0,
  is_exported TINYINT(1) NOT NULL DEFAULT 0,
  exported_at DATETIME NULL DEFAULT NULL,
  is_backed_up TINYINT(1) NOT NULL DEFAULT 0,
  backed_up_at DATETIME NULL DEFAULT NULL,
  is_anonymized TINYINT(1) NOT NULL DEFAULT 0,
  source VARCHAR(50) NOT NULL DEFAULT '',
  PRIMARY KEY (id),
  KEY subscription_created (created_at),
  KEY subscription_export (is_exported, created_at),
  KEY subscription_backup (is_backed_up, created_at)
) ENGINE=InnoDB AUTO_INCREMENT=1000000001 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS subscription_confirmation_code (
  subscription_id BIGINT UNSIGNED NOT NULL,
  code VARCHAR(32) NOT NULL DEFAULT '',
  form VARCHAR(32) NOT NULL DEFAULT 'text' COMMENT 'how legacy stores it',
  code_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(code, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (subscription_id),
  KEY subscription_confirmation_code_hash (code_hash),
  CONSTRAINT subscription_confirmation_code_subscription FOREIGN KEY (subscription_id) REFERENCES subscription (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS subscription_tracking (
  subscription_id BIGINT UNSIGNED NOT NULL,
  campaign VARCHAR(50) NOT NULL DEFAULT '',
  keyword VARCHAR(50) NOT NULL DEFAULT '',
  campaign_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(campaign, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (subscription_id),
  KEY subscription_tracking_campaign (campaign_hash),
  CONSTRAINT subscription_tracking_subscription FOREIGN KEY (subscription_id) REFERENCES subscription (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
-- What legacy holds and no column here expresses, byte for byte; name is its legacy place.
CREATE TABLE IF NOT EXISTS subscription_legacy_extra (
  subscription_id BIGINT UNSIGNED NOT NULL,
  ordinal INT UNSIGNED NOT NULL,
  name TEXT NOT NULL DEFAULT (''),
  content MEDIUMBLOB NOT NULL,
  PRIMARY KEY (subscription_id, ordinal),
  CONSTRAINT subscription_legacy_extra_subscription FOREIGN KEY (subscription_id) REFERENCES subscription (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
