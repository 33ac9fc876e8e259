-- Which variants of running tests somebody saw who then donated or became a member: one row an event, and one a bucket.
--
-- external_id is the public id of what was made, in every stage. Its new id is found in the id map of its own context: no foreign key leads out
-- of a context.
--
-- Ids begin far from the legacy ids: code that goes around the id map is found out at once.

CREATE TABLE IF NOT EXISTS bucket_log (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  event VARCHAR(32) NOT NULL DEFAULT 'donation_created',
  is_name_cut TINYINT(1) NOT NULL DEFAULT 0 COMMENT 'how legacy stores the name of the event',
  external_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
  logged_at DATETIME NULL DEFAULT NULL,
  PRIMARY KEY (id),
  KEY bucket_log_external (external_id),
  KEY bucket_log_time (logged_at)
) ENGINE=InnoDB AUTO_INCREMENT=1000000001 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS bucket_log_bucket (
  bucket_log_id BIGINT UNSIGNED NOT NULL,
  ordinal INT UNSIGNED NOT NULL,
  name VARCHAR(24) NOT NULL DEFAULT '',
  campaign VARCHAR(24) NOT NULL DEFAULT '',
  campaign_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(campaign, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (bucket_log_id, ordinal),
  KEY bucket_log_bucket_campaign (campaign_hash),
  CONSTRAINT bucket_log_bucket_bucket_log FOREIGN KEY (bucket_log_id) REFERENCES bucket_log (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
