-- The processes of workspaces, what was passed over on the way through one, and how long leads may stay in a stage.

CREATE TABLE processes (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    key TEXT NOT NULL,
    definition TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, key)
) STRICT;

ALTER TABLE stage_changes ADD COLUMN from_process TEXT;
ALTER TABLE stage_changes ADD COLUMN reason TEXT;
ALTER TABLE stage_changes ADD COLUMN overridden TEXT;

CREATE INDEX leads_stage ON leads (workspace_id, process, stage);

-- The clock of each lead's present stage.
CREATE TABLE stage_deadlines (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    lead_id BLOB NOT NULL,
    since TEXT NOT NULL,
    -- Until when the lead may stay; null without a limit, and while the lead is closed.
    due_at TEXT,
    -- When the sweeper looks at it next.
    check_at TEXT,
    breached_at TEXT,
    PRIMARY KEY (workspace_id, lead_id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX stage_deadlines_check ON stage_deadlines (check_at);
CREATE INDEX stage_deadlines_due ON stage_deadlines (workspace_id, due_at);
INSERT INTO stage_deadlines (workspace_id, lead_id, since)
SELECT workspace_id, id, stage_since FROM leads WHERE stage IS NOT NULL;

-- Each time a lead stayed too long; kept when it moves on.
CREATE TABLE service_level_breaches (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    lead_id BLOB NOT NULL,
    process TEXT NOT NULL,
    stage TEXT NOT NULL,
    temperature TEXT,
    owner_id BLOB,
    since TEXT NOT NULL,
    due_at TEXT NOT NULL,
    found_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX service_level_breaches_due ON service_level_breaches (workspace_id, due_at, id);
CREATE INDEX service_level_breaches_owner ON service_level_breaches (workspace_id, owner_id, due_at, id);
CREATE INDEX service_level_breaches_stage ON service_level_breaches (workspace_id, stage, due_at, id);
CREATE INDEX service_level_breaches_lead ON service_level_breaches (workspace_id, lead_id, due_at, id);
