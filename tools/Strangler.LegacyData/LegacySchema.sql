-- The donation tables as a MariaDB 10.4 dump of April 2022 shows them (charset utf8: three bytes).
-- Named here because newer servers have another default: the collation of spenden (utf8_general_ci was that server's).
-- Left out: the AUTO_INCREMENT counters, which are data. One statement ends where a line ends with a semicolon.

CREATE TABLE `donation_payment` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `payment_type` varchar(3) COLLATE utf8_unicode_ci NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `donation_payment_sofort` (
  `id` int(11) NOT NULL,
  `confirmed_at` datetime DEFAULT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `FK_2DF4845ABF396750` FOREIGN KEY (`id`) REFERENCES `donation_payment` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `spenden` (
  `id` int(12) NOT NULL AUTO_INCREMENT,
  `status` char(1) NOT NULL DEFAULT 'N',
  `name` varchar(250) DEFAULT NULL,
  `ort` varchar(250) DEFAULT NULL,
  `email` varchar(250) DEFAULT NULL,
  `info` tinyint(4) NOT NULL DEFAULT 0,
  `bescheinigung` tinyint(4) DEFAULT NULL,
  `eintrag` varchar(250) NOT NULL DEFAULT '',
  `betrag` varchar(250) DEFAULT NULL,
  `periode` smallint(6) NOT NULL DEFAULT 0,
  `zahlweise` char(3) NOT NULL DEFAULT 'BEZ',
  `kommentar` text NOT NULL,
  `ueb_code` varchar(32) NOT NULL DEFAULT '',
  `data` text DEFAULT NULL,
  `source` varchar(250) DEFAULT NULL,
  `remote_addr` varchar(250) NOT NULL DEFAULT '',
  `hash` varchar(250) DEFAULT NULL,
  `is_public` tinyint(4) NOT NULL DEFAULT 0,
  `dt_new` datetime NOT NULL,
  `dt_del` datetime DEFAULT NULL,
  `dt_exp` datetime DEFAULT NULL,
  `dt_gruen` datetime DEFAULT NULL,
  `dt_backup` datetime DEFAULT NULL,
  `payment_id` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UNIQ_3CBBD0454C3A3BB` (`payment_id`),
  KEY `d_dt_new` (`dt_new`,`is_public`),
  KEY `d_status` (`status`,`dt_new`),
  KEY `d_dt_gruen` (`dt_gruen`,`dt_del`),
  KEY `d_ueb_code` (`ueb_code`),
  KEY `d_dt_backup` (`dt_backup`),
  KEY `d_comment_list` (`is_public`,`dt_del`),
  KEY `d_zahlweise` (`zahlweise`,`dt_new`),
  FULLTEXT KEY `d_name` (`name`),
  FULLTEXT KEY `d_email` (`email`),
  FULLTEXT KEY `d_ort` (`ort`),
  CONSTRAINT `FK_3CBBD0454C3A3BB` FOREIGN KEY (`payment_id`) REFERENCES `donation_payment` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_general_ci;

CREATE TABLE `donation_notification_log` (
  `donation_id` int(11) NOT NULL,
  PRIMARY KEY (`donation_id`),
  CONSTRAINT `FK_C84D03204DC1279C` FOREIGN KEY (`donation_id`) REFERENCES `spenden` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;
