-- Who or what set each field of a record, one row a record. A record may be of any kind, so nothing is referred to.
CREATE TABLE field_sources (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    record_id BLOB NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (workspace_id, record_id)
) STRICT;

-- Values that contradict what is known. The submission is written after its proposals and may be removed before them.
CREATE TABLE proposals (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    contact_id BLOB,
    lead_id BLOB,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    value_key TEXT NOT NULL,
    known TEXT,
    account_id BLOB,
    submission_id BLOB NOT NULL,
    form_id BLOB NOT NULL,
    times INTEGER NOT NULL,
    last_sent_at TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'accepted', 'rejected', 'superseded')),
    note TEXT,
    decided_by BLOB,
    decided_at TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT proposals_record CHECK ((contact_id IS NULL) <> (lead_id IS NULL)),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
) STRICT;
-- The same value is proposed once at a time, whatever arrives at once.
CREATE UNIQUE INDEX proposals_open_contact ON proposals (workspace_id, contact_id, field, value_key)
    WHERE status = 'open' AND contact_id IS NOT NULL;
CREATE UNIQUE INDEX proposals_open_lead ON proposals (workspace_id, lead_id, field, value_key)
    WHERE status = 'open' AND lead_id IS NOT NULL;
CREATE INDEX proposals_contact ON proposals (workspace_id, contact_id, created_at, id);
CREATE INDEX proposals_lead ON proposals (workspace_id, lead_id, created_at, id);
CREATE INDEX proposals_submission ON proposals (workspace_id, submission_id);
CREATE INDEX proposals_status ON proposals (workspace_id, status, created_at, id);
CREATE INDEX proposals_created ON proposals (workspace_id, created_at, id);
