-- Interactions: kinds that can be renamed, where each came from, what it answers, and taking back what scored wrongly.

ALTER TABLE interaction_kinds ADD COLUMN version bigint NOT NULL DEFAULT 1;

ALTER TABLE interactions ADD COLUMN remote_address text;
ALTER TABLE interactions ADD COLUMN network_key text COLLATE "C";
ALTER TABLE interactions ADD COLUMN reply_to_id uuid;
ALTER TABLE interactions ADD COLUMN reply_to_source text;
ALTER TABLE interactions ADD COLUMN reply_to_external_id text;
ALTER TABLE interactions ADD COLUMN void_id uuid;
ALTER TABLE interactions ADD COLUMN void_reason text;
CREATE INDEX interactions_reply ON interactions (workspace_id, reply_to_id) WHERE reply_to_id IS NOT NULL;
CREATE INDEX interactions_waiting_reply ON interactions (workspace_id, reply_to_source, reply_to_external_id)
    WHERE reply_to_id IS NULL AND reply_to_source IS NOT NULL;
CREATE INDEX interactions_void ON interactions (workspace_id, void_id) WHERE void_id IS NOT NULL;
CREATE INDEX interactions_kind ON interactions (workspace_id, kind, occurred_at, id);

CREATE TABLE interaction_voids (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    selection jsonb NOT NULL,
    reason text NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'done', 'undoing', 'undone')),
    voided bigint NOT NULL,
    reached_at timestamptz,
    reached_id uuid,
    created_by uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX interaction_voids_created ON interaction_voids (workspace_id, created_at, id);

CREATE TABLE interaction_void_leads (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    void_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    sales_ready boolean NOT NULL,
    stage boolean NOT NULL,
    score_before bigint NOT NULL,
    score_after bigint NOT NULL,
    PRIMARY KEY (workspace_id, void_id, lead_id),
    FOREIGN KEY (workspace_id, void_id) REFERENCES interaction_voids (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX interaction_void_leads_score ON interaction_void_leads (workspace_id, void_id, score_before, id);
CREATE INDEX interaction_void_leads_lead ON interaction_void_leads (workspace_id, lead_id);
