-- Work that takes longer than a request. `due_at` is when a worker may take it: at once, after a pause, or when the
-- lease of the worker that has it runs out. Finished and failed jobs have none.
CREATE TABLE jobs (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    input jsonb NOT NULL,
    position jsonb NOT NULL,
    items_done bigint NOT NULL,
    items_total bigint,
    result jsonb NOT NULL,
    error text,
    attempts bigint NOT NULL,
    lease uuid,
    due_at timestamptz,
    created_by uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_created ON jobs (workspace_id, created_at, id);

-- The open leads that are nobody's yet.
CREATE INDEX leads_unlinked ON leads (workspace_id, id) WHERE contact_id IS NULL AND status = 'open';
