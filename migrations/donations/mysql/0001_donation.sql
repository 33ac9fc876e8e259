-- The root of a donation, and what hangs on it one to one. What every donation has stands in the root; a companion row exists only
-- while one of its columns says something.
--
-- Text: utf8mb4_unicode_ci, never NULL, '' by default. What comes out of the legacy LOB has no length there, so it is TEXT here: a
-- VARCHAR would have to refuse what legacy holds. TEXT takes its default as an expression, which MariaDB and MySQL 8 both accept.
-- No unique key and no lookup goes by text: under the collation 'Straße' equals 'Strasse'. Where text must be found, a generated column
-- holds its SHA-256, of the bytes; NULL for '', so that nothing empty can be found. (SHA2 of text would hash what the connection makes of it:
-- CAST to BINARY pins it to the stored bytes.)
--
-- Ids of donations begin far from the legacy ids: code that goes around the id map is found out at once.

CREATE TABLE IF NOT EXISTS donation (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  created_at DATETIME NULL DEFAULT NULL,
  amount BIGINT NOT NULL DEFAULT 0 COMMENT 'cents',
  interval_months INT NOT NULL DEFAULT 0,
  payment_type VARCHAR(32) NOT NULL DEFAULT 'direct_debit',
  payment_state VARCHAR(32) NOT NULL DEFAULT 'new',
  is_moderated TINYINT(1) NOT NULL DEFAULT 0,
  is_cancelled TINYINT(1) NOT NULL DEFAULT 0,
  is_deleted TINYINT(1) NOT NULL DEFAULT 0,
  deleted_at DATETIME NULL DEFAULT NULL,
  is_exported TINYINT(1) NOT NULL DEFAULT 0,
  exported_at DATETIME NULL DEFAULT NULL,
  is_anonymized TINYINT(1) NOT NULL DEFAULT 0,
  backed_up_at DATETIME NULL DEFAULT NULL,
  is_confirmation_sent TINYINT(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (id),
  KEY donation_created (created_at),
  KEY donation_export (is_exported, is_deleted),
  KEY donation_moderated (is_moderated, created_at),
  KEY donation_backup (backed_up_at)
) ENGINE=InnoDB AUTO_INCREMENT=1000000001 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS donation_donor (
  donation_id BIGINT UNSIGNED NOT NULL,
  type VARCHAR(32) NOT NULL DEFAULT 'unknown',
  salutation TEXT NOT NULL DEFAULT (''),
  title TEXT NOT NULL DEFAULT (''),
  first_name TEXT NOT NULL DEFAULT (''),
  last_name TEXT NOT NULL DEFAULT (''),
  company TEXT NOT NULL DEFAULT (''),
  full_name VARCHAR(250) NOT NULL DEFAULT '',
  street TEXT NOT NULL DEFAULT (''),
  postcode TEXT NOT NULL DEFAULT (''),
  city TEXT NOT NULL DEFAULT (''),
  country TEXT NOT NULL DEFAULT (''),
  email VARCHAR(250) NOT NULL DEFAULT '',
  wants_newsletter TINYINT(1) NOT NULL DEFAULT 0,
  wants_receipt TINYINT(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (donation_id),
  CONSTRAINT donation_donor_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS donation_comment (
  donation_id BIGINT UNSIGNED NOT NULL,
  text TEXT NOT NULL DEFAULT (''),
  author VARCHAR(250) NOT NULL DEFAULT '',
  is_public TINYINT(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (donation_id),
  KEY donation_comment_public (is_public, donation_id),
  CONSTRAINT donation_comment_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS donation_tracking (
  donation_id BIGINT UNSIGNED NOT NULL,
  campaign TEXT NOT NULL DEFAULT (''),
  keyword TEXT NOT NULL DEFAULT (''),
  impressions BIGINT NOT NULL DEFAULT 0,
  banner_impressions BIGINT NOT NULL DEFAULT 0,
  campaign_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(campaign, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (donation_id),
  KEY donation_tracking_campaign (campaign_hash),
  CONSTRAINT donation_tracking_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS donation_token (
  donation_id BIGINT UNSIGNED NOT NULL,
  access_token TEXT NOT NULL DEFAULT (''),
  update_token TEXT NOT NULL DEFAULT (''),
  update_expires_at DATETIME NULL DEFAULT NULL,
  access_token_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(access_token, '') AS BINARY), 256))) STORED,
  update_token_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(update_token, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (donation_id),
  KEY donation_token_access (access_token_hash),
  KEY donation_token_update (update_token_hash),
  CONSTRAINT donation_token_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
