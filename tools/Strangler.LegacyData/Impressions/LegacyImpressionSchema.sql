-- Banners and impressions as the shared entity library had them until August 2018.

CREATE TABLE `backend_banner` (
  `banner_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `cn_name` varchar(100) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `layout` varchar(100) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `campaign` varchar(100) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `keyword` varchar(100) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  PRIMARY KEY (`banner_id`),
  KEY `idx_cn_name` (`cn_name`),
  KEY `idx_keyword` (`keyword`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `backend_impressions` (
  `imp_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `banner_id` int(11) NOT NULL DEFAULT 0,
  `datetime` datetime NOT NULL DEFAULT '1970-01-01 00:00:00',
  `imp_count` int(11) NOT NULL DEFAULT 0,
  PRIMARY KEY (`imp_id`),
  KEY `idx_banner_id` (`banner_id`),
  KEY `idx_banner_id_datetime` (`banner_id`,`datetime`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;
