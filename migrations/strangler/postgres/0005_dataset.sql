-- side: new
-- Data sets that another program loads as a whole. kept_since: since when readers are shown what was kept of the one before, while the new one comes
-- over; NULL while they are shown the tables themselves.
CREATE TABLE IF NOT EXISTS strangler_dataset (
  context text COLLATE "C" NOT NULL,
  kept_since timestamptz,
  PRIMARY KEY (context)
)
