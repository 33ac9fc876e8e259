-- The donation that led to the application: its public id, which its own context resolves; 0 for none. No foreign key: it is another context's.
ALTER TABLE membership
  ADD COLUMN IF NOT EXISTS donation_id bigint NOT NULL DEFAULT 0 CHECK (donation_id >= 0)
-- step
CREATE INDEX IF NOT EXISTS membership_donation ON membership (donation_id)
