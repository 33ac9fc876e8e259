-- The table of the back office's acts as the shared entity library had it until August 2018.

CREATE TABLE `action_log` (
  `al_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `al_timestamp` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `al_type` varchar(16) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `al_remote_addr` varchar(16) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `al_session_id` varchar(32) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `al_username` varchar(45) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `al_password` varchar(32) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  PRIMARY KEY (`al_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;
