-- Payment data by type, each in a table of its own: an unconfirmed payment has no row, so nothing optional exists by accident.

-- What a provider of payments reported, whichever it was.
CREATE TABLE IF NOT EXISTS donation_payment (
  donation_id BIGINT UNSIGNED NOT NULL,
  transaction_id TEXT NOT NULL DEFAULT (''),
  provider_type TEXT NOT NULL DEFAULT (''),
  provider_status TEXT NOT NULL DEFAULT (''),
  provider_account TEXT NOT NULL DEFAULT (''),
  provider_timestamp TEXT NOT NULL DEFAULT (''),
  parent_payment_id BIGINT NOT NULL DEFAULT 0,
  transaction_id_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(transaction_id, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (donation_id),
  KEY donation_payment_transaction (transaction_id_hash),
  CONSTRAINT donation_payment_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS donation_payment_direct_debit (
  donation_id BIGINT UNSIGNED NOT NULL,
  iban TEXT NOT NULL DEFAULT (''),
  bic TEXT NOT NULL DEFAULT (''),
  account_number TEXT NOT NULL DEFAULT (''),
  bank_code TEXT NOT NULL DEFAULT (''),
  bank_name TEXT NOT NULL DEFAULT (''),
  PRIMARY KEY (donation_id),
  CONSTRAINT donation_payment_direct_debit_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS donation_payment_bank_transfer (
  donation_id BIGINT UNSIGNED NOT NULL,
  code VARCHAR(32) NOT NULL DEFAULT '',
  code_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(code, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (donation_id),
  KEY donation_payment_bank_transfer_code (code_hash),
  CONSTRAINT donation_payment_bank_transfer_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS donation_payment_paypal (
  donation_id BIGINT UNSIGNED NOT NULL,
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
  subscription_id_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(CAST(NULLIF(subscription_id, '') AS BINARY), 256))) STORED,
  PRIMARY KEY (donation_id),
  KEY donation_payment_paypal_subscription (subscription_id_hash),
  CONSTRAINT donation_payment_paypal_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS donation_payment_credit_card (
  donation_id BIGINT UNSIGNED NOT NULL,
  amount BIGINT NOT NULL DEFAULT 0 COMMENT 'cents',
  session_id TEXT NOT NULL DEFAULT (''),
  auth TEXT NOT NULL DEFAULT (''),
  title TEXT NOT NULL DEFAULT (''),
  country TEXT NOT NULL DEFAULT (''),
  currency TEXT NOT NULL DEFAULT (''),
  expiry TEXT NOT NULL DEFAULT (''),
  legacy_amount BIGINT NOT NULL DEFAULT 0 COMMENT 'cents',
  PRIMARY KEY (donation_id),
  CONSTRAINT donation_payment_credit_card_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
-- step
CREATE TABLE IF NOT EXISTS donation_payment_sofort (
  donation_id BIGINT UNSIGNED NOT NULL,
  is_registered TINYINT(1) NOT NULL DEFAULT 0,
  confirmed_at DATETIME NULL DEFAULT NULL,
  transaction_id TEXT NOT NULL DEFAULT (''),
  valuation_date DATETIME NULL DEFAULT NULL,
  PRIMARY KEY (donation_id),
  CONSTRAINT donation_payment_sofort_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
