-- What each model has seen of each lead, as bytes: read and written with every interaction. Those that were kept as JSON
-- are made anew from the history when their lead is scored next.
ALTER TABLE lead_scores DROP COLUMN tally;
ALTER TABLE lead_scores ADD COLUMN tally BLOB;
