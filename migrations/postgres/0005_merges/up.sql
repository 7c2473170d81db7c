-- Two records that turned out to be one, what moved from one to the other, and how to part them again.

ALTER TABLE leads ADD COLUMN merged_into_id uuid;
CREATE INDEX contacts_merged ON contacts (workspace_id, merged_into_id);
CREATE INDEX leads_merged ON leads (workspace_id, merged_into_id);
CREATE INDEX submissions_contact ON submissions (workspace_id, contact_id);
CREATE INDEX submissions_lead ON submissions (workspace_id, lead_id);

CREATE TABLE merges (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('contact', 'lead')),
    survivor_id uuid NOT NULL,
    loser_id uuid NOT NULL,
    because text NOT NULL,
    fields jsonb NOT NULL,
    moved jsonb NOT NULL,
    snapshot jsonb NOT NULL,
    merged_at timestamptz NOT NULL,
    merged_by uuid,
    undone_at timestamptz,
    undone_by uuid,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX merges_survivor ON merges (workspace_id, survivor_id);
CREATE INDEX merges_loser ON merges (workspace_id, loser_id);

-- What is the survivor's only because of a merge: moved by it, or come since for the loser.
CREATE TABLE merge_moves (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    merge_id uuid NOT NULL,
    link text NOT NULL,
    record_id uuid NOT NULL,
    PRIMARY KEY (workspace_id, merge_id, link, record_id)
);
