-- Events by when they happened: of a lead, of a contact, and all.
DROP INDEX events_lead;
CREATE INDEX events_lead ON events (workspace_id, lead_id, at, id);
CREATE INDEX events_contact ON events (workspace_id, contact_id, at, id);
CREATE INDEX events_at ON events (workspace_id, at, id);
