-- What was sent first, when it was corrected since; and the form's token that it came with.
ALTER TABLE submissions ADD COLUMN original_payload TEXT;
ALTER TABLE submissions ADD COLUMN form_token BLOB;
CREATE UNIQUE INDEX submissions_form_token ON submissions (workspace_id, form_id, form_token);

-- One for each way that submissions are listed, in the order they are listed in.
CREATE INDEX submissions_form ON submissions (workspace_id, form_id, received_at, id);
CREATE INDEX submissions_status ON submissions (workspace_id, status, received_at, id);
DROP INDEX submissions_contact;
CREATE INDEX submissions_contact ON submissions (workspace_id, contact_id, received_at, id);
DROP INDEX submissions_lead;
CREATE INDEX submissions_lead ON submissions (workspace_id, lead_id, received_at, id);
