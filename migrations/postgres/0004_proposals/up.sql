-- Who or what set each field of a record, one row a record. A record may be of any kind, so nothing is referred to.
CREATE TABLE field_sources (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    record_id uuid NOT NULL,
    fields jsonb NOT NULL,
    PRIMARY KEY (workspace_id, record_id)
);

-- Values that contradict what is known. The submission is written after its proposals and may be removed before them.
CREATE TABLE proposals (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    contact_id uuid,
    lead_id uuid,
    field text NOT NULL,
    value text NOT NULL,
    value_key text NOT NULL,
    known text,
    account_id uuid,
    submission_id uuid NOT NULL,
    form_id uuid NOT NULL,
    times bigint NOT NULL,
    last_sent_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'accepted', 'rejected', 'superseded')),
    note text,
    decided_by uuid,
    decided_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT proposals_record CHECK ((contact_id IS NULL) <> (lead_id IS NULL)),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
);
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
