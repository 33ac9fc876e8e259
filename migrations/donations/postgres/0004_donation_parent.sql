-- Of which recurring payment a donation is a later one: the parent's new id, 0 for none, and what tells it. No foreign key: the parent may be gone, or come later.
ALTER TABLE donation_payment_paypal
  ADD COLUMN IF NOT EXISTS parent_id bigint NOT NULL DEFAULT 0 CHECK (parent_id >= 0),
  ADD COLUMN IF NOT EXISTS parent_evidence varchar(32) NOT NULL DEFAULT 'none'
-- step
CREATE INDEX IF NOT EXISTS donation_payment_paypal_parent ON donation_payment_paypal (parent_id)
