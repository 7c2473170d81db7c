-- How leads end and begin again: opportunities, closings, the leads that others came from, and letters to say goodbye.

CREATE TABLE opportunities (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    search_key TEXT NOT NULL,
    contact_id BLOB,
    account_id BLOB,
    lead_id BLOB,
    owner_id BLOB,
    amount_minor INTEGER,
    amount_currency TEXT,
    -- YYYY-MM-DD
    expected_close_on TEXT,
    status TEXT NOT NULL CHECK (status IN ('open', 'won', 'lost')),
    reason TEXT,
    note TEXT,
    closed_at TEXT,
    attributes TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, account_id) REFERENCES accounts (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id),
    FOREIGN KEY (workspace_id, owner_id) REFERENCES users (workspace_id, id)
) STRICT;
CREATE INDEX opportunities_created ON opportunities (workspace_id, created_at, id);
CREATE INDEX opportunities_updated ON opportunities (workspace_id, updated_at, id);
CREATE INDEX opportunities_name ON opportunities (workspace_id, search_key, id);
CREATE INDEX opportunities_contact ON opportunities (workspace_id, contact_id);
CREATE INDEX opportunities_account ON opportunities (workspace_id, account_id);
CREATE INDEX opportunities_lead ON opportunities (workspace_id, lead_id);
CREATE INDEX opportunities_owner ON opportunities (workspace_id, owner_id);

-- One row each time a lead was closed; kept when it opens again.
CREATE TABLE lead_closings (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    lead_id BLOB NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('qualified', 'disqualified')),
    reason TEXT,
    note TEXT,
    stage TEXT,
    closed_at TEXT NOT NULL,
    closed_by BLOB,
    contact_id BLOB,
    account_id BLOB,
    opportunity_id BLOB,
    carried TEXT NOT NULL,
    goodbye TEXT,
    -- YYYY-MM-DD
    recycle_on TEXT,
    recycle_due_at TEXT,
    reopened_at TEXT,
    reopened_by BLOB,
    reopened_as TEXT CHECK (reopened_as IN ('reopened', 'recycled')),
    reopening_note TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX lead_closings_lead ON lead_closings (workspace_id, lead_id, closed_at, id);
CREATE UNIQUE INDEX lead_closings_standing ON lead_closings (workspace_id, lead_id) WHERE reopened_at IS NULL;
CREATE INDEX lead_closings_contact ON lead_closings (workspace_id, contact_id);
CREATE INDEX lead_closings_opportunity ON lead_closings (workspace_id, opportunity_id);
CREATE INDEX lead_closings_deferred ON lead_closings (workspace_id, recycle_on, id)
    WHERE reopened_at IS NULL AND recycle_on IS NOT NULL;
CREATE INDEX lead_closings_due ON lead_closings (recycle_due_at)
    WHERE reopened_at IS NULL AND recycle_due_at IS NOT NULL;

-- What a lead came from, where it was sold to somebody who bought before.
CREATE TABLE lead_origins (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    lead_id BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('cross_sell', 'upsell', 're_sale')),
    origin_lead_id BLOB,
    opportunity_id BLOB,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, origin_lead_id) REFERENCES leads (workspace_id, id),
    FOREIGN KEY (workspace_id, opportunity_id) REFERENCES opportunities (workspace_id, id)
) STRICT;
CREATE INDEX lead_origins_lead ON lead_origins (workspace_id, lead_id, id);
CREATE INDEX lead_origins_origin ON lead_origins (workspace_id, origin_lead_id);
CREATE INDEX lead_origins_opportunity ON lead_origins (workspace_id, opportunity_id);

CREATE TABLE message_templates (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    key TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, key)
) STRICT;
CREATE INDEX message_templates_created ON message_templates (workspace_id, created_at, id);

-- What became of the opportunities of a lead that was replayed.
ALTER TABLE backtest_leads ADD COLUMN opportunity TEXT;
