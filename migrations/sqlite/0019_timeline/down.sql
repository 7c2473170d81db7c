DROP INDEX events_at;
DROP INDEX events_contact;
DROP INDEX events_lead;
CREATE INDEX events_lead ON events (workspace_id, lead_id, id);
