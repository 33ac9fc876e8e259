-- Of which recurring payment a donation is a later one: the parent's new id, 0 for none, and what tells it. No foreign key: the parent may be gone, or come later.
ALTER TABLE donation_payment_paypal
  ADD COLUMN parent_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
  ADD COLUMN parent_evidence VARCHAR(32) NOT NULL DEFAULT 'none',
  ADD KEY donation_payment_paypal_parent (parent_id)
