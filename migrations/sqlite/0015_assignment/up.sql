-- Who takes a lead: the rules, who had each lead when, and the leads that nobody could take.

CREATE TABLE assignment_rules (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    -- 1, 2, 3 … without gaps in a workspace; kept so by whoever changes the rules, one at a time.
    position INTEGER NOT NULL,
    moment TEXT NOT NULL,
    condition TEXT,
    mode TEXT NOT NULL,
    target TEXT,
    weights TEXT NOT NULL,
    otherwise TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    -- Whose turn it is.
    round TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
) STRICT;
CREATE INDEX assignment_rules_position ON assignment_rules (workspace_id, position, id);
CREATE INDEX assignment_rules_created ON assignment_rules (workspace_id, created_at, id);

-- Names users and rules that may be gone.
CREATE TABLE lead_assignments (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    lead_id BLOB NOT NULL,
    from_owner_id BLOB,
    to_owner_id BLOB,
    cause TEXT NOT NULL,
    rule_id BLOB,
    mode TEXT,
    overridden INTEGER NOT NULL,
    note TEXT,
    actor_id BLOB,
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX lead_assignments_lead ON lead_assignments (workspace_id, lead_id, at, id);

CREATE TABLE unassigned_leads (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    lead_id BLOB NOT NULL,
    moment TEXT NOT NULL,
    reason TEXT NOT NULL,
    rule_id BLOB,
    since TEXT NOT NULL,
    tried_at TEXT NOT NULL,
    -- When the rules are asked again; null when only a person may.
    try_at TEXT,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, lead_id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX unassigned_leads_since ON unassigned_leads (workspace_id, since, id);
CREATE INDEX unassigned_leads_due ON unassigned_leads (try_at) WHERE try_at IS NOT NULL;
CREATE INDEX unassigned_leads_waiting ON unassigned_leads (workspace_id, try_at) WHERE try_at IS NOT NULL;

-- How many leads each user holds.
CREATE INDEX leads_held ON leads (workspace_id, owner_id) WHERE status = 'open';
