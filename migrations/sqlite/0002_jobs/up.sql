-- Work that takes longer than a request. `due_at` is when a worker may take it: at once, after a pause, or when the
-- lease of the worker that has it runs out. Finished and failed jobs have none.
CREATE TABLE jobs (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    input TEXT NOT NULL,
    position TEXT NOT NULL,
    items_done INTEGER NOT NULL,
    items_total INTEGER,
    result TEXT NOT NULL,
    error TEXT,
    attempts INTEGER NOT NULL,
    lease BLOB,
    due_at TEXT,
    created_by BLOB,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    finished_at TEXT,
    PRIMARY KEY (workspace_id, id)
) STRICT;
CREATE INDEX jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_created ON jobs (workspace_id, created_at, id);

-- The open leads that are nobody's yet.
CREATE INDEX leads_unlinked ON leads (workspace_id, id) WHERE contact_id IS NULL AND status = 'open';
