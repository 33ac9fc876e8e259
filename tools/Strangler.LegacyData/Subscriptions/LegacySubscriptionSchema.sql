-- The table of subscriptions as the shared entity library made it (2016 to 2020), full_name and address_id included.
-- No dump of production shows it. Of two things the programs' generations differ: createdAt may be NULL, as with the last one; and
-- confirmationCode was binary before 2016 and varchar(32) since. A table that was never altered has kept the old type and holds both forms,
-- so this one has it. The address table belongs to other programs; the foreign key to it is left out.

CREATE TABLE `subscription` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `full_name` varchar(250) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `email` varchar(250) COLLATE utf8_unicode_ci NOT NULL DEFAULT '',
  `export` datetime DEFAULT NULL,
  `backup` datetime DEFAULT NULL,
  `status` smallint(6) DEFAULT 0,
  `confirmationCode` varbinary(32) DEFAULT NULL,
  `address_id` int(11) DEFAULT NULL,
  `tracking` varchar(50) COLLATE utf8_unicode_ci DEFAULT NULL,
  `source` varchar(50) COLLATE utf8_unicode_ci DEFAULT NULL,
  `createdAt` datetime DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `IDX_A3C664D3F5B7AF75` (`address_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;
