-- Who did what in the back office, when and from where. Rows are only ever added.
--
-- Ids begin far from the legacy ids: code that goes around the id map is found out at once.

CREATE TABLE IF NOT EXISTS logged_action (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  logged_at DATETIME NULL DEFAULT NULL,
  action VARCHAR(16) NOT NULL DEFAULT '',
  user_name VARCHAR(45) NOT NULL DEFAULT '',
  remote_address VARCHAR(16) NOT NULL DEFAULT '',
  session_id VARCHAR(32) NOT NULL DEFAULT '',
  user_name_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(user_name, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (id),
  KEY logged_action_time (logged_at),
  KEY logged_action_user (user_name_hash, logged_at)
) ENGINE=InnoDB AUTO_INCREMENT=1000000001 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
