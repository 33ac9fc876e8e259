-- Payment data by type, each in a table of its own: an unconfirmed payment has no row, so nothing optional exists by accident.

-- What a provider of payments reported, whichever it was.
CREATE TABLE IF NOT EXISTS donation_payment (
  donation_id bigint NOT NULL CHECK (donation_id > 0),
  transaction_id text NOT NULL DEFAULT '',
  provider_type text NOT NULL DEFAULT '',
  provider_status text NOT NULL DEFAULT '',
  provider_account text NOT NULL DEFAULT '',
  provider_timestamp text NOT NULL DEFAULT '',
  parent_payment_id bigint NOT NULL DEFAULT 0,
  transaction_id_hash bytea GENERATED ALWAYS AS (strangler_sha256(NULLIF(transaction_id, ''))) STORED,
  PRIMARY KEY (donation_id),
  CONSTRAINT donation_payment_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
)
-- step
CREATE INDEX IF NOT EXISTS donation_payment_transaction ON donation_payment (transaction_id_hash)
-- step
CREATE TABLE IF NOT EXISTS donation_payment_direct_debit (
  donation_id bigint NOT NULL CHECK (donation_id > 0),
  iban text NOT NULL DEFAULT '',
  bic text NOT NULL DEFAULT '',
  account_number text NOT NULL DEFAULT '',
  bank_code text NOT NULL DEFAULT '',
  bank_name text NOT NULL DEFAULT '',
  PRIMARY KEY (donation_id),
  CONSTRAINT donation_payment_direct_debit_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
)
-- step
CREATE TABLE IF NOT EXISTS donation_payment_bank_transfer (
  donation_id bigint NOT NULL CHECK (donation_id > 0),
  code varchar(32) NOT NULL DEFAULT '',
  code_hash bytea GENERATED ALWAYS AS (strangler_sha256(NULLIF(code, ''))) STORED,
  PRIMARY KEY (donation_id),
  CONSTRAINT donation_payment_bank_transfer_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
)
-- step
CREATE INDEX IF NOT EXISTS donation_payment_bank_transfer_code ON donation_payment_bank_transfer (code_hash)
-- step
CREATE TABLE IF NOT EXISTS donation_payment_paypal (
  donation_id bigint NOT NULL CHECK (donation_id > 0),
  payer_id text NOT NULL DEFAULT '',
  subscription_id text NOT NULL DEFAULT '',
  payer_status text NOT NULL DEFAULT '',
  address_status text NOT NULL DEFAULT '',
  gross bigint NOT NULL DEFAULT 0,
  currency text NOT NULL DEFAULT '',
  fee bigint NOT NULL DEFAULT 0,
  settle_amount bigint NOT NULL DEFAULT 0,
  first_name text NOT NULL DEFAULT '',
  last_name text NOT NULL DEFAULT '',
  address_name text NOT NULL DEFAULT '',
  subscription_id_hash bytea GENERATED ALWAYS AS (strangler_sha256(NULLIF(subscription_id, ''))) STORED,
  PRIMARY KEY (donation_id),
  CONSTRAINT donation_payment_paypal_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
)
-- step
CREATE INDEX IF NOT EXISTS donation_payment_paypal_subscription ON donation_payment_paypal (subscription_id_hash)
-- step
CREATE TABLE IF NOT EXISTS donation_payment_credit_card (
  donation_id bigint NOT NULL CHECK (donation_id > 0),
  amount bigint NOT NULL DEFAULT 0,
  session_id text NOT NULL DEFAULT '',
  auth text NOT NULL DEFAULT '',
  title text NOT NULL DEFAULT '',
  country text NOT NULL DEFAULT '',
  currency text NOT NULL DEFAULT '',
  expiry text NOT NULL DEFAULT '',
  legacy_amount bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (donation_id),
  CONSTRAINT donation_payment_credit_card_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
)
-- step
CREATE TABLE IF NOT EXISTS donation_payment_sofort (
  donation_id bigint NOT NULL CHECK (donation_id > 0),
  is_registered boolean NOT NULL DEFAULT false,
  confirmed_at timestamp(0),
  transaction_id text NOT NULL DEFAULT '',
  valuation_date timestamp(0),
  PRIMARY KEY (donation_id),
  CONSTRAINT donation_payment_sofort_donation FOREIGN KEY (donation_id) REFERENCES donation (id) ON DELETE CASCADE
)
