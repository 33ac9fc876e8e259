-- The table of the back office's users as the shared entity library had it until August 2018, with the longer user_pass of that month's
-- migration and without the column user_salt, which that removed.

CREATE TABLE `users` (
  `user_id` int(11) NOT NULL AUTO_INCREMENT,
  `user_name` varchar(32) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `user_address` varchar(64) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `user_pass` varchar(255) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `user_pass_expiry` datetime DEFAULT '1970-01-01 00:00:00',
  `user_pass_notification` tinyint(1) DEFAULT NULL,
  `user_role` tinyint(1) DEFAULT 0,
  `user_active` tinyint(1) DEFAULT 0,
  PRIMARY KEY (`user_id`),
  UNIQUE KEY `user_name` (`user_name`),
  UNIQUE KEY `user_address` (`user_address`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;
