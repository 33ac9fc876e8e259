-- The parts of the country that a province's region_name names. Legacy has nothing but the name; a name that is not here is no mistake.
CREATE TABLE IF NOT EXISTS region (
  name_en varchar(25) NOT NULL,
  name_fr varchar(40) NOT NULL,
  PRIMARY KEY (name_en)
)
-- step
INSERT INTO region (name_en, name_fr) VALUES
  ('Atlantic', 'Atlantique'), ('Quebec', 'Québec'), ('Ontario', 'Ontario'), ('Prairies', 'Prairies'),
  ('British Columbia', 'Colombie-Britannique'), ('Territories', 'Territoires'), ('National', 'Canada')
ON CONFLICT DO NOTHING
