-- Who takes a lead: the rules, who had each lead when, and the leads that nobody could take.

CREATE TABLE assignment_rules (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    name text NOT NULL,
    -- 1, 2, 3 … without gaps in a workspace; kept so by whoever changes the rules, one at a time.
    position bigint NOT NULL,
    moment text COLLATE "C" NOT NULL,
    condition jsonb,
    mode text COLLATE "C" NOT NULL,
    target jsonb,
    weights jsonb NOT NULL,
    otherwise text COLLATE "C" NOT NULL,
    enabled boolean NOT NULL,
    -- Whose turn it is.
    round jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX assignment_rules_position ON assignment_rules (workspace_id, position, id);
CREATE INDEX assignment_rules_created ON assignment_rules (workspace_id, created_at, id);

-- Names users and rules that may be gone.
CREATE TABLE lead_assignments (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    from_owner_id uuid,
    to_owner_id uuid,
    cause text COLLATE "C" NOT NULL,
    rule_id uuid,
    mode text COLLATE "C",
    overridden boolean NOT NULL,
    note text,
    actor_id uuid,
    at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX lead_assignments_lead ON lead_assignments (workspace_id, lead_id, at, id);

CREATE TABLE unassigned_leads (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    moment text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    rule_id uuid,
    since timestamptz NOT NULL,
    tried_at timestamptz NOT NULL,
    -- When the rules are asked again; null when only a person may.
    try_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, lead_id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX unassigned_leads_since ON unassigned_leads (workspace_id, since, id);
CREATE INDEX unassigned_leads_due ON unassigned_leads (try_at) WHERE try_at IS NOT NULL;
CREATE INDEX unassigned_leads_waiting ON unassigned_leads (workspace_id, try_at) WHERE try_at IS NOT NULL;

-- How many leads each user holds.
CREATE INDEX leads_held ON leads (workspace_id, owner_id) WHERE status = 'open';
