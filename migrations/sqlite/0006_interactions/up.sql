-- Interactions: kinds that can be renamed, where each came from, what it answers, and taking back what scored wrongly.

ALTER TABLE interaction_kinds ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

ALTER TABLE interactions ADD COLUMN remote_address TEXT;
ALTER TABLE interactions ADD COLUMN network_key TEXT;
ALTER TABLE interactions ADD COLUMN reply_to_id BLOB;
ALTER TABLE interactions ADD COLUMN reply_to_source TEXT;
ALTER TABLE interactions ADD COLUMN reply_to_external_id TEXT;
ALTER TABLE interactions ADD COLUMN void_id BLOB;
ALTER TABLE interactions ADD COLUMN void_reason TEXT;
CREATE INDEX interactions_reply ON interactions (workspace_id, reply_to_id) WHERE reply_to_id IS NOT NULL;
CREATE INDEX interactions_waiting_reply ON interactions (workspace_id, reply_to_source, reply_to_external_id)
    WHERE reply_to_id IS NULL AND reply_to_source IS NOT NULL;
CREATE INDEX interactions_void ON interactions (workspace_id, void_id) WHERE void_id IS NOT NULL;
CREATE INDEX interactions_kind ON interactions (workspace_id, kind, occurred_at, id);

CREATE TABLE interaction_voids (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    selection TEXT NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'undoing', 'undone')),
    voided INTEGER NOT NULL,
    reached_at TEXT,
    reached_id BLOB,
    created_by BLOB,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
) STRICT;
CREATE INDEX interaction_voids_created ON interaction_voids (workspace_id, created_at, id);

CREATE TABLE interaction_void_leads (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    void_id BLOB NOT NULL,
    lead_id BLOB NOT NULL,
    sales_ready INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    score_before INTEGER NOT NULL,
    score_after INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, void_id, lead_id),
    FOREIGN KEY (workspace_id, void_id) REFERENCES interaction_voids (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX interaction_void_leads_score ON interaction_void_leads (workspace_id, void_id, score_before, id);
CREATE INDEX interaction_void_leads_lead ON interaction_void_leads (workspace_id, lead_id);
