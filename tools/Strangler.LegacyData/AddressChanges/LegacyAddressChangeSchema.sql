-- The tables of address changes as the shared entity library and its migrations made them (2018 to 2020), with the identifiers still
-- nullable, as they were until November 2024.

CREATE TABLE `address` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `salutation` varchar(16) COLLATE utf8_unicode_ci DEFAULT NULL,
  `company` varchar(100) COLLATE utf8_unicode_ci DEFAULT NULL,
  `title` varchar(16) COLLATE utf8_unicode_ci DEFAULT NULL,
  `first_name` varchar(50) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `last_name` varchar(50) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `street` varchar(100) COLLATE utf8_unicode_ci DEFAULT NULL,
  `postcode` varchar(8) COLLATE utf8_unicode_ci DEFAULT NULL,
  `city` varchar(100) COLLATE utf8_unicode_ci DEFAULT NULL,
  `country` varchar(8) COLLATE utf8_unicode_ci DEFAULT '',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `address_change` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `address_id` int(11) DEFAULT NULL,
  `current_identifier` varchar(36) COLLATE utf8_unicode_ci DEFAULT NULL,
  `previous_identifier` varchar(36) COLLATE utf8_unicode_ci DEFAULT NULL,
  `address_type` varchar(10) COLLATE utf8_unicode_ci NOT NULL,
  `external_id` int(11) NOT NULL,
  `external_id_type` varchar(10) COLLATE utf8_unicode_ci NOT NULL,
  `export_date` datetime DEFAULT NULL,
  `created_at` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `modified_at` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `donation_receipt` tinyint(1) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UNIQ_7B0E7B9FA8954A18` (`current_identifier`),
  UNIQUE KEY `UNIQ_7B0E7B9F2EC1D3` (`previous_identifier`),
  KEY `IDX_7B0E7B9FF5B7AF75` (`address_id`),
  KEY `ac_export_date` (`export_date`),
  KEY `ac_ext_id` (`external_id_type`,`external_id`),
  CONSTRAINT `FK_7B0E7B9FF5B7AF75` FOREIGN KEY (`address_id`) REFERENCES `address` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;
