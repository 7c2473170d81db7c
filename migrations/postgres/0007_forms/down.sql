DROP INDEX submissions_lead;
CREATE INDEX submissions_lead ON submissions (workspace_id, lead_id);
DROP INDEX submissions_contact;
CREATE INDEX submissions_contact ON submissions (workspace_id, contact_id);
DROP INDEX submissions_status;
DROP INDEX submissions_form;
DROP INDEX submissions_form_token;
ALTER TABLE submissions DROP COLUMN form_token;
ALTER TABLE submissions DROP COLUMN original_payload;
