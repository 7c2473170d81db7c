-- How leads end and begin again: opportunities, closings, the leads that others came from, and letters to say goodbye.

CREATE TABLE opportunities (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    name text NOT NULL,
    search_key text COLLATE "C" NOT NULL,
    contact_id uuid,
    account_id uuid,
    lead_id uuid,
    owner_id uuid,
    amount_minor bigint,
    amount_currency text COLLATE "C",
    -- YYYY-MM-DD
    expected_close_on text COLLATE "C",
    status text COLLATE "C" NOT NULL CHECK (status IN ('open', 'won', 'lost')),
    reason text COLLATE "C",
    note text,
    closed_at timestamptz,
    attributes jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, account_id) REFERENCES accounts (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id),
    FOREIGN KEY (workspace_id, owner_id) REFERENCES users (workspace_id, id)
);
CREATE INDEX opportunities_created ON opportunities (workspace_id, created_at, id);
CREATE INDEX opportunities_updated ON opportunities (workspace_id, updated_at, id);
CREATE INDEX opportunities_name ON opportunities (workspace_id, search_key, id);
CREATE INDEX opportunities_contact ON opportunities (workspace_id, contact_id);
CREATE INDEX opportunities_account ON opportunities (workspace_id, account_id);
CREATE INDEX opportunities_lead ON opportunities (workspace_id, lead_id);
CREATE INDEX opportunities_owner ON opportunities (workspace_id, owner_id);

-- One row each time a lead was closed; kept when it opens again.
CREATE TABLE lead_closings (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('qualified', 'disqualified')),
    reason text COLLATE "C",
    note text,
    stage text COLLATE "C",
    closed_at timestamptz NOT NULL,
    closed_by uuid,
    contact_id uuid,
    account_id uuid,
    opportunity_id uuid,
    carried jsonb NOT NULL,
    goodbye jsonb,
    -- YYYY-MM-DD
    recycle_on text COLLATE "C",
    recycle_due_at timestamptz,
    reopened_at timestamptz,
    reopened_by uuid,
    reopened_as text COLLATE "C" CHECK (reopened_as IN ('reopened', 'recycled')),
    reopening_note text,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
);
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
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('cross_sell', 'upsell', 're_sale')),
    origin_lead_id uuid,
    opportunity_id uuid,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, origin_lead_id) REFERENCES leads (workspace_id, id),
    FOREIGN KEY (workspace_id, opportunity_id) REFERENCES opportunities (workspace_id, id)
);
CREATE INDEX lead_origins_lead ON lead_origins (workspace_id, lead_id, id);
CREATE INDEX lead_origins_origin ON lead_origins (workspace_id, origin_lead_id);
CREATE INDEX lead_origins_opportunity ON lead_origins (workspace_id, opportunity_id);

CREATE TABLE message_templates (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, key)
);
CREATE INDEX message_templates_created ON message_templates (workspace_id, created_at, id);

-- What became of the opportunities of a lead that was replayed.
ALTER TABLE backtest_leads ADD COLUMN opportunity text;
