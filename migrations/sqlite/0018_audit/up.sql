-- Who changed what the workspace decides for itself. Rows are only ever added.
CREATE TABLE audit_entries (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    record TEXT NOT NULL,
    record_id BLOB,
    action TEXT NOT NULL CHECK (action IN ('created', 'changed', 'deleted')),
    actor_id BLOB,
    request_id TEXT NOT NULL,
    before TEXT,
    after TEXT,
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
) STRICT;
CREATE INDEX audit_entries_at ON audit_entries (workspace_id, at, id);
CREATE INDEX audit_entries_record ON audit_entries (workspace_id, record, at, id);
CREATE INDEX audit_entries_record_id ON audit_entries (workspace_id, record_id, at, id);
CREATE INDEX audit_entries_actor ON audit_entries (workspace_id, actor_id, at, id);
