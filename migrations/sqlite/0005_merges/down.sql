DROP TABLE merge_moves;
DROP TABLE merges;
DROP INDEX submissions_lead;
DROP INDEX submissions_contact;
DROP INDEX leads_merged;
DROP INDEX contacts_merged;
ALTER TABLE leads DROP COLUMN merged_into_id;
