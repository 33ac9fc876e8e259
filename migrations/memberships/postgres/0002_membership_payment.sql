-- Payment data by type, each in a table of its own: an unconfirmed payment has no row, so nothing optional exists by accident.

-- What a provider of payments reported.
CREATE TABLE IF NOT EXISTS membership_payment (
  membership_id bigint NOT NULL CHECK (membership_id > 0),
  transaction_id text NOT NULL DEFAULT '',
  provider_type text NOT NULL DEFAULT '',
  provider_status text NOT NULL DEFAULT '',
  provider_account text NOT NULL DEFAULT '',
  provider_timestamp text NOT NULL DEFAULT '',
  transaction_id_hash bytea GENERATED ALWAYS AS (strangler_sha256(NULLIF(transaction_id, ''))) STORED,
  PRIMARY KEY (membership_id),
  CONSTRAINT membership_payment_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
)
-- step
CREATE INDEX IF NOT EXISTS membership_payment_transaction ON membership_payment (transaction_id_hash)
-- step
CREATE TABLE IF NOT EXISTS membership_payment_direct_debit (
  membership_id bigint NOT NULL CHECK (membership_id > 0),
  iban varchar(32) NOT NULL DEFAULT '',
  bic varchar(32) NOT NULL DEFAULT '',
  account_number varchar(16) NOT NULL DEFAULT '',
  bank_code varchar(16) NOT NULL DEFAULT '',
  bank_name varchar(100) NOT NULL DEFAULT '',
  PRIMARY KEY (membership_id),
  CONSTRAINT membership_payment_direct_debit_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
)
-- step
CREATE TABLE IF NOT EXISTS membership_payment_paypal (
  membership_id bigint NOT NULL CHECK (membership_id > 0),
  payer_id text NOT NULL DEFAULT '',
  subscription_id text NOT NULL DEFAULT '',
  payer_status text NOT NULL DEFAULT '',
  address_status text NOT NULL DEFAULT '',
  gross bigint NOT NULL DEFAULT 0, -- cents
  currency text NOT NULL DEFAULT '',
  fee bigint NOT NULL DEFAULT 0, -- cents
  settle_amount bigint NOT NULL DEFAULT 0, -- cents
  first_name text NOT NULL DEFAULT '',
  last_name text NOT NULL DEFAULT '',
  address_name text NOT NULL DEFAULT '',
  first_payment_date text NOT NULL DEFAULT '',
  subscription_id_hash bytea GENERATED ALWAYS AS (strangler_sha256(NULLIF(subscription_id, ''))) STORED,
  PRIMARY KEY (membership_id),
  CONSTRAINT membership_payment_paypal_membership FOREIGN KEY (membership_id) REFERENCES membership (id) ON DELETE CASCADE
)
-- step
CREATE INDEX IF NOT EXISTS membership_payment_paypal_subscription ON membership_payment_paypal (subscription_id_hash)
