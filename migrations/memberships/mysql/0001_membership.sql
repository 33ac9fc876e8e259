-- The root of an application for membership, and what hangs on it one to one. A companion row exists only while one of its columns says something.
--
-- Text: utf8mb4_unicode_ci, never NULL, '' by default; TEXT for what comes out of the legacy LOB, which has no length there. No unique key and no
-- lookup goes by text: what must be found has a generated column with the SHA-256 of its bytes, NULL for '', so that nothing empty can be found.
-- Duplicates are looked for the other way round: by the time, of which the last half hour has few, and among those by the collation.
--
-- The status of an old record may be undecided: status_evidence says so, undecided_status is what the record says, and the four flags then say nothing.
--
-- Ids begin far from the legacy ids: code that goes around the id map is found out at once.

CREATE TABLE IF NOT EXISTS membership (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  created_at DATETIME NULL DEFAULT NULL,
  type VARCHAR(32) NOT NULL DEFAULT 'sustaining',
  fee BIGINT NOT NULL DEFAULT 0 COMMENT 'cents, each time',
  interval_months INT NOT NULL DEFAULT 0,
  payment_type VARCHAR(32) NOT NULL DEFAULT 'direct_debit',
  is_confirmed TINYINT(1) NOT NULL DEFAULT 0,
  is_cancelled TINYINT(1) NOT NULL DEFAULT 0,
  is_moderated TINYINT(1) NOT NULL DEFAULT 0,
  is_aborted TINYINT(1) NOT NULL DEFAULT 0,
  status_evidence VARCHAR(32) NOT NULL DEFAULT 'decided',
  undecided_status INT NOT NULL DEFAULT 0,
  receipt VARCHAR(32) NOT NULL DEFAULT 'unknown',
  is_exported TINYINT(1) NOT NULL DEFAULT 0,
  exported_at DATETIME NULL DEFAULT NULL,
  is_backed_up TINYINT(1) NOT NULL DEFAULT 0,
  backed_up_at DATETIME NULL DEFAULT NULL,
  is_anonymized TINYINT(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (id),
  KEY membership_created (created_at),
  KEY membership_export (is_exported, is_confirmed, is_cancelled, is_moderated),
  KEY membership_moderated (is_moderated, is_cancelled, is_exported),
  KEY membership_undecided (undecided_status),
  KEY membership_backup (is_backed_up)
) ENGINE=InnoDB AUTO_INCREMENT=1000000001 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS membership_applicant (
  membership_id BIGINT UNSIGNED NOT NULL,
  type VARCHAR(32) NOT NULL DEFAULT 'person',
  company VARCHAR(100) NOT NULL DEFAULT '',
  salutation VARCHAR(16) NOT NULL DEFAULT '',
  title VARCHAR(16) NOT NULL DEFAULT '',
  first_name VARCHAR(50) NOT NULL DEFAULT '',
  last_name VARCHAR(50) NOT NULL DEFAULT '',
  full_name VARCHAR(250) NOT NULL DEFAULT '',
  street VARCHAR(100) NOT NULL DEFAULT '',
  postcode VARCHAR(16) NOT NULL DEFAULT '',
  city VARCHAR(100) NOT NULL DEFAULT '',
  country VARCHAR(8) NOT NULL DEFAULT '',
  email VARCHAR(250) NOT NULL DEFAULT '',
  phone VARCHAR(30) NOT NULL DEFAULT '',
  date_of_birth DATE NULL DEFAULT NULL,
  PRIMARY KEY (membership_id),
  CONSTRAINT membership_applicant_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS membership_tracking (
  membership_id BIGINT UNSIGNED NOT NULL,
  campaign VARCHAR(50) NOT NULL DEFAULT '',
  keyword VARCHAR(50) NOT NULL DEFAULT '',
  confirmation_page TEXT NOT NULL DEFAULT (''),
  confirmation_campaign TEXT NOT NULL DEFAULT (''),
  campaign_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(campaign, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (membership_id),
  KEY membership_tracking_campaign (campaign_hash),
  CONSTRAINT membership_tracking_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS membership_token (
  membership_id BIGINT UNSIGNED NOT NULL,
  access_token TEXT NOT NULL DEFAULT (''),
  update_token TEXT NOT NULL DEFAULT (''),
  update_expires_at DATETIME NULL DEFAULT NULL,
  access_token_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(access_token, '') AS BINARY), 256))) STORED,
  update_token_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(update_token, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (membership_id),
  KEY membership_token_access (access_token_hash),
  KEY membership_token_update (update_token_hash),
  CONSTRAINT membership_token_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
