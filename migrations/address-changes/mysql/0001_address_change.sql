-- The root of an address change, and the address that was told. The companion row exists only while one of its columns says something.
--
-- Text: utf8mb4_unicode_ci, never NULL, '' by default. No unique key and no lookup goes by text: under the collation 'Straße' equals
-- 'Strasse'. The identifiers, which must be found, have generated columns with the SHA-256 of their bytes; NULL for '', so that nothing
-- empty can be found.
--
-- external_id is the owner's public id, in every stage. Its new id is found in the id map of the owner's context: no foreign key leads out of
-- a context.
--
-- Ids begin far from the legacy ids: code that goes around the id map is found out at once.

CREATE TABLE IF NOT EXISTS address_change (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  created_at DATETIME NULL DEFAULT NULL,
  modified_at DATETIME NULL DEFAULT NULL,
  current_identifier VARCHAR(36) NOT NULL DEFAULT '',
  previous_identifier VARCHAR(36) NOT NULL DEFAULT '',
  address_type VARCHAR(32) NOT NULL DEFAULT 'unknown',
  external_type VARCHAR(32) NOT NULL DEFAULT 'unknown',
  external_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
  wants_receipt TINYINT(1) NOT NULL DEFAULT 0,
  is_exported TINYINT(1) NOT NULL DEFAULT 0,
  exported_at DATETIME NULL DEFAULT NULL,
  current_identifier_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(current_identifier, '') AS BINARY), 256))) STORED,
  previous_identifier_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(previous_identifier, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (id),
  KEY address_change_external (external_id),
  KEY address_change_export (is_exported, modified_at),
  KEY address_change_current (current_identifier_hash),
  KEY address_change_previous (previous_identifier_hash)
) ENGINE=InnoDB AUTO_INCREMENT=1000000001 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS address_change_address (
  address_change_id BIGINT UNSIGNED NOT NULL,
  is_given TINYINT(1) NOT NULL DEFAULT 0,
  salutation VARCHAR(16) NOT NULL DEFAULT '',
  company VARCHAR(100) NOT NULL DEFAULT '',
  title VARCHAR(16) NOT NULL DEFAULT '',
  first_name VARCHAR(50) NOT NULL DEFAULT '',
  last_name VARCHAR(50) NOT NULL DEFAULT '',
  street VARCHAR(100) NOT NULL DEFAULT '',
  postcode VARCHAR(16) NOT NULL DEFAULT '',
  city VARCHAR(100) NOT NULL DEFAULT '',
  country VARCHAR(8) NOT NULL DEFAULT '',
  PRIMARY KEY (address_change_id),
  CONSTRAINT address_change_address_address_change FOREIGN KEY (address_change_id) REFERENCES address_change (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
