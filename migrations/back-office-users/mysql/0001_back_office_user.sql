-- Users of the back office. Names and addresses are unique by legacy's own key, under legacy's collation; here no key goes by text, since what
-- legacy tells apart ('Straße' and 'Strasse' under utf8_general_ci) must not clash here. They are few: looking one up by name reads them all.
--
-- password_hash is what the back office made of a password, to the byte; utf8mb4_unicode_ci never compares it.
--
-- Ids begin far from the legacy ids: code that goes around the id map is found out at once.

CREATE TABLE IF NOT EXISTS back_office_user (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  name VARCHAR(32) NOT NULL DEFAULT '',
  email VARCHAR(64) NOT NULL DEFAULT '',
  password_hash VARCHAR(255) NOT NULL DEFAULT '',
  password_expires_at DATETIME NULL DEFAULT NULL,
  expiry_notice VARCHAR(32) NOT NULL DEFAULT 'unknown',
  role INT NOT NULL DEFAULT 0,
  is_active TINYINT(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (id)
) ENGINE=InnoDB AUTO_INCREMENT=1000000001 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
