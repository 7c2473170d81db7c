ALTER TABLE lead_scores DROP COLUMN tally;
ALTER TABLE lead_scores ADD COLUMN tally TEXT;
