-- What readers are shown. The tables are loaded anew as a whole by another program: while its rows come over, one by one, the data set as it was
-- before is kept beside them and shown, all of it; from one commit to the next it is the new one, all of it. While nothing comes over, the kept tables
-- are empty, and what is shown is the tables themselves.
CREATE TABLE IF NOT EXISTS kept_province (LIKE province)
-- step
CREATE TABLE IF NOT EXISTS kept_health_region (LIKE health_region)
-- step
CREATE TABLE IF NOT EXISTS kept_postcode (LIKE postcode)
-- step
CREATE TABLE IF NOT EXISTS kept_postcode_further_region (LIKE postcode_further_region)
-- step
CREATE TABLE IF NOT EXISTS kept_mobility_week (LIKE mobility_week)
-- step
CREATE TABLE IF NOT EXISTS kept_case_report (LIKE case_report)
-- step
CREATE OR REPLACE VIEW published_province AS
SELECT * FROM province WHERE NOT EXISTS (SELECT 1 FROM strangler_dataset d WHERE d.context = 'health-regions' AND d.kept_since IS NOT NULL)
UNION ALL SELECT * FROM kept_province
-- step
CREATE OR REPLACE VIEW published_health_region AS
SELECT * FROM health_region WHERE NOT EXISTS (SELECT 1 FROM strangler_dataset d WHERE d.context = 'health-regions' AND d.kept_since IS NOT NULL)
UNION ALL SELECT * FROM kept_health_region
-- step
CREATE OR REPLACE VIEW published_postcode AS
SELECT * FROM postcode WHERE NOT EXISTS (SELECT 1 FROM strangler_dataset d WHERE d.context = 'health-regions' AND d.kept_since IS NOT NULL)
UNION ALL SELECT * FROM kept_postcode
-- step
CREATE OR REPLACE VIEW published_postcode_further_region AS
SELECT * FROM postcode_further_region
WHERE NOT EXISTS (SELECT 1 FROM strangler_dataset d WHERE d.context = 'health-regions' AND d.kept_since IS NOT NULL)
UNION ALL SELECT * FROM kept_postcode_further_region
-- step
CREATE OR REPLACE VIEW published_mobility_week AS
SELECT * FROM mobility_week WHERE NOT EXISTS (SELECT 1 FROM strangler_dataset d WHERE d.context = 'health-regions' AND d.kept_since IS NOT NULL)
UNION ALL SELECT * FROM kept_mobility_week
-- step
CREATE OR REPLACE VIEW published_case_report AS
SELECT * FROM case_report WHERE NOT EXISTS (SELECT 1 FROM strangler_dataset d WHERE d.context = 'health-regions' AND d.kept_since IS NOT NULL)
UNION ALL SELECT * FROM kept_case_report
-- step
-- Every pair of a postcode and a region that it lies in, the first (legacy's) before the others.
CREATE OR REPLACE VIEW published_postcode_region AS
SELECT p.code, h.hr_uid, 0 AS place, p.population FROM published_postcode p JOIN published_health_region h ON h.id = p.health_region_id
UNION ALL
SELECT p.code, f.hr_uid, f.ordinal + 1, f.population FROM published_postcode p JOIN published_postcode_further_region f ON f.postcode_id = p.id
