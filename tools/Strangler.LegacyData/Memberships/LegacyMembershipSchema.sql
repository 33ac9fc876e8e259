-- Applications for membership as the dump of April 2022 shows them, and what came later and hangs on them: moderation reasons (July 2022) and the tokens,
-- which are in the donations' company (August 2023). legacy_auth_tokens may be there already: the context of donations has it, too.

CREATE TABLE `request` (
  `id` int(12) NOT NULL AUTO_INCREMENT,
  `donation_id` int(12) DEFAULT NULL,
  `timestamp` datetime NOT NULL,
  `anrede` varchar(16) DEFAULT NULL,
  `firma` varchar(100) DEFAULT NULL,
  `titel` varchar(16) DEFAULT NULL,
  `name` varchar(250) NOT NULL DEFAULT '',
  `vorname` varchar(50) NOT NULL DEFAULT '',
  `nachname` varchar(50) NOT NULL DEFAULT '',
  `strasse` varchar(100) DEFAULT NULL,
  `plz` varchar(8) DEFAULT NULL,
  `ort` varchar(100) DEFAULT NULL,
  `email` varchar(250) NOT NULL DEFAULT '',
  `phone` varchar(30) NOT NULL DEFAULT '',
  `dob` date DEFAULT NULL,
  `wikimedium_shipping` varchar(255) NOT NULL DEFAULT '',
  `membership_type` varchar(255) NOT NULL DEFAULT 'sustaining',
  `membership_fee` int(11) NOT NULL DEFAULT 0,
  `membership_fee_interval` smallint(6) DEFAULT 12,
  `account_number` varchar(16) NOT NULL DEFAULT '',
  `bank_name` varchar(100) NOT NULL DEFAULT '',
  `bank_code` varchar(16) NOT NULL DEFAULT '',
  `iban` varchar(32) DEFAULT '',
  `bic` varchar(32) DEFAULT '',
  `account_holder` varchar(50) NOT NULL DEFAULT '',
  `comment` text NOT NULL,
  `export` datetime DEFAULT NULL,
  `backup` datetime DEFAULT NULL,
  `wikilogin` tinyint(4) NOT NULL DEFAULT 0,
  `tracking` varchar(50) DEFAULT NULL,
  `status` smallint(6) DEFAULT 0,
  `country` varchar(8) DEFAULT '',
  `data` text DEFAULT NULL,
  `payment_type` varchar(255) NOT NULL DEFAULT 'BEZ',
  `donation_receipt` tinyint(1) DEFAULT NULL,
  PRIMARY KEY (`id`),
  FULLTEXT KEY `m_email` (`email`),
  FULLTEXT KEY `m_name` (`name`),
  FULLTEXT KEY `m_ort` (`ort`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

CREATE TABLE `incentive` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(32) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

CREATE TABLE `membership_incentive` (
  `membership_id` int(12) NOT NULL,
  `incentive_id` int(11) NOT NULL,
  PRIMARY KEY (`membership_id`,`incentive_id`),
  KEY `IDX_BBBF7CBE1FB354CD` (`membership_id`),
  KEY `IDX_BBBF7CBE7C88B7CE` (`incentive_id`),
  CONSTRAINT `FK_BBBF7CBE1FB354CD` FOREIGN KEY (`membership_id`) REFERENCES `request` (`id`),
  CONSTRAINT `FK_BBBF7CBE7C88B7CE` FOREIGN KEY (`incentive_id`) REFERENCES `incentive` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

CREATE TABLE `membership_moderation_reason` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `moderation_identifier` varchar(50) NOT NULL,
  `source` varchar(32) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  KEY `mr_identifier` (`moderation_identifier`,`source`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

CREATE TABLE `memberships_moderation_reasons` (
  `membership_id` int(12) NOT NULL,
  `moderation_reason_id` int(11) NOT NULL,
  PRIMARY KEY (`membership_id`,`moderation_reason_id`),
  KEY `IDX_moderation_reason` (`moderation_reason_id`),
  CONSTRAINT `FK_membership_of_reason` FOREIGN KEY (`membership_id`) REFERENCES `request` (`id`),
  CONSTRAINT `FK_reason_of_membership` FOREIGN KEY (`moderation_reason_id`) REFERENCES `membership_moderation_reason` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

CREATE TABLE IF NOT EXISTS `legacy_auth_tokens` (
  `id` int(10) unsigned NOT NULL,
  `authentication_context` varchar(16) NOT NULL,
  `access_token` varchar(64) NOT NULL,
  `update_token` varchar(64) NOT NULL,
  `update_token_expiry` datetime DEFAULT NULL,
  PRIMARY KEY (`id`,`authentication_context`),
  KEY `a_access_token` (`access_token`),
  KEY `a_update_token` (`update_token`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
