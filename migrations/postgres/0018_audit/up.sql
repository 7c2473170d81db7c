-- Who changed what the workspace decides for itself. Rows are only ever added.
CREATE TABLE audit_entries (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    record text NOT NULL,
    record_id uuid,
    action text NOT NULL CHECK (action IN ('created', 'changed', 'deleted')),
    actor_id uuid,
    request_id text NOT NULL,
    before jsonb,
    after jsonb,
    at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX audit_entries_at ON audit_entries (workspace_id, at, id);
CREATE INDEX audit_entries_record ON audit_entries (workspace_id, record, at, id);
CREATE INDEX audit_entries_record_id ON audit_entries (workspace_id, record_id, at, id);
CREATE INDEX audit_entries_actor ON audit_entries (workspace_id, actor_id, at, id);
