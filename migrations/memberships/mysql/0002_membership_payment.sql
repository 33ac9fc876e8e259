-- Payment data by type, each in a table of its own: an unconfirmed payment has no row, so nothing optional exists by accident.

-- What a provider of payments reported.
CREATE TABLE IF NOT EXISTS membership_payment (
  membership_id BIGINT UNSIGNED NOT NULL,
  transaction_id TEXT NOT NULL DEFAULT (''),
  provider_type TEXT NOT NULL DEFAULT (''),
  provider_status TEXT NOT NULL DEFAULT (''),
  provider_account TEXT NOT NULL DEFAULT (''),
  provider_timestamp TEXT NOT NULL DEFAULT (''),
  transaction_id_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(transaction_id, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (membership_id),
  KEY membership_payment_transaction (transaction_id_hash),
  CONSTRAINT membership_payment_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS membership_payment_direct_debit (
  membership_id BIGINT UNSIGNED NOT NULL,
  iban VARCHAR(32) NOT NULL DEFAULT '',
  bic VARCHAR(32) NOT NULL DEFAULT '',
  account_number VARCHAR(16) NOT NULL DEFAULT '',
  bank_code VARCHAR(16) NOT NULL DEFAULT '',
  bank_name VARCHAR(100) NOT NULL DEFAULT '',
  PRIMARY KEY (membership_id),
  CONSTRAINT membership_payment_direct_debit_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS membership_payment_paypal (
  membership_id BIGINT UNSIGNED NOT NULL,
  payer_id TEXT NOT NULL DEFAULT (''),
  subscription_id TEXT NOT NULL DEFAULT (''),
  payer_status TEXT NOT NULL DEFAULT (''),
  address_status TEXT NOT NULL DEFAULT (''),
  gross BIGINT NOT NULL DEFAULT 0 COMMENT 'cents',
  currency TEXT NOT NULL DEFAULT (''),
  fee BIGINT NOT NULL DEFAULT 0 COMMENT 'cents',
  settle_amount BIGINT NOT NULL DEFAULT 0 COMMENT 'cents',
  first_name TEXT NOT NULL DEFAULT (''),
  last_name TEXT NOT NULL DEFAULT (''),
  address_name TEXT NOT NULL DEFAULT (''),
  first_payment_date TEXT NOT NULL DEFAULT (''),
  subscription_id_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(subscription_id, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (membership_id),
  KEY membership_payment_paypal_subscription (subscription_id_hash),
  CONSTRAINT membership_payment_paypal_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
