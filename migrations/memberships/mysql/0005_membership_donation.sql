-- The donation that led to the application: its public id, which its own context resolves; 0 for none. No foreign key: it is another context's.
ALTER TABLE membership
  ADD COLUMN donation_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
  ADD KEY membership_donation (donation_id)
