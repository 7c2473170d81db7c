-- The processes of workspaces, what was passed over on the way through one, and how long leads may stay in a stage.

CREATE TABLE processes (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    key text COLLATE "C" NOT NULL,
    definition jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, key)
);

ALTER TABLE stage_changes ADD COLUMN from_process text;
ALTER TABLE stage_changes ADD COLUMN reason text;
ALTER TABLE stage_changes ADD COLUMN overridden jsonb;

CREATE INDEX leads_stage ON leads (workspace_id, process, stage);

-- The clock of each lead's present stage.
CREATE TABLE stage_deadlines (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    lead_id uuid NOT NULL,
    since timestamptz NOT NULL,
    -- Until when the lead may stay; null without a limit, and while the lead is closed.
    due_at timestamptz,
    -- When the sweeper looks at it next.
    check_at timestamptz,
    breached_at timestamptz,
    PRIMARY KEY (workspace_id, lead_id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX stage_deadlines_check ON stage_deadlines (check_at);
CREATE INDEX stage_deadlines_due ON stage_deadlines (workspace_id, due_at);
INSERT INTO stage_deadlines (workspace_id, lead_id, since)
SELECT workspace_id, id, stage_since FROM leads WHERE stage IS NOT NULL;

-- Each time a lead stayed too long; kept when it moves on.
CREATE TABLE service_level_breaches (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    process text COLLATE "C" NOT NULL,
    stage text COLLATE "C" NOT NULL,
    temperature text COLLATE "C",
    owner_id uuid,
    since timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX service_level_breaches_due ON service_level_breaches (workspace_id, due_at, id);
CREATE INDEX service_level_breaches_owner ON service_level_breaches (workspace_id, owner_id, due_at, id);
CREATE INDEX service_level_breaches_stage ON service_level_breaches (workspace_id, stage, due_at, id);
CREATE INDEX service_level_breaches_lead ON service_level_breaches (workspace_id, lead_id, due_at, id);
