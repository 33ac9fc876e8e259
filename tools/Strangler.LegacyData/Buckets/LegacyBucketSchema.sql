-- The log of buckets as the application made it, with the event's name as wide as since November 2022.

CREATE TABLE `bucket_log` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `event_name` varchar(64) COLLATE utf8_unicode_ci NOT NULL,
  `external_id` int(11) NOT NULL,
  `date` datetime NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `bucket_log_bucket` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `bucket_log_id` int(11) DEFAULT NULL,
  `name` varchar(24) COLLATE utf8_unicode_ci NOT NULL,
  `campaign` varchar(24) COLLATE utf8_unicode_ci NOT NULL,
  PRIMARY KEY (`id`),
  KEY `idx_bucket_log` (`bucket_log_id`),
  CONSTRAINT `FK_D5E9A0A9D0A3A7F1` FOREIGN KEY (`bucket_log_id`) REFERENCES `bucket_log` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;
