-- Banners, and how often they were seen. impression.banner_id is the banner's id in this table, translated from the public one; 0 is none. No
-- foreign key: legacy has none, its impressions outlive their banners, and what refers to a banner that is not there has a pair of ids in the
-- id map all the same.
--
-- Ids begin far from the legacy ids: code that goes around the id map is found out at once.

CREATE TABLE IF NOT EXISTS banner (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) NOT NULL DEFAULT '',
  layout VARCHAR(100) NOT NULL DEFAULT '',
  campaign VARCHAR(100) NOT NULL DEFAULT '',
  keyword VARCHAR(100) NOT NULL DEFAULT '',
  name_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(name, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (id),
  KEY banner_name (name_hash)
) ENGINE=InnoDB AUTO_INCREMENT=1000000001 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS impression (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  banner_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
  counted_at DATETIME NULL DEFAULT NULL,
  number BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (id),
  KEY impression_banner (banner_id, counted_at)
) ENGINE=InnoDB AUTO_INCREMENT=2000000001 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
