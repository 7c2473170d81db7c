-- Two records that turned out to be one, what moved from one to the other, and how to part them again.

ALTER TABLE leads ADD COLUMN merged_into_id BLOB;
CREATE INDEX contacts_merged ON contacts (workspace_id, merged_into_id);
CREATE INDEX leads_merged ON leads (workspace_id, merged_into_id);
CREATE INDEX submissions_contact ON submissions (workspace_id, contact_id);
CREATE INDEX submissions_lead ON submissions (workspace_id, lead_id);

CREATE TABLE merges (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('contact', 'lead')),
    survivor_id BLOB NOT NULL,
    loser_id BLOB NOT NULL,
    because TEXT NOT NULL,
    fields TEXT NOT NULL,
    moved TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    merged_at TEXT NOT NULL,
    merged_by BLOB,
    undone_at TEXT,
    undone_by BLOB,
    PRIMARY KEY (workspace_id, id)
) STRICT;
CREATE INDEX merges_survivor ON merges (workspace_id, survivor_id);
CREATE INDEX merges_loser ON merges (workspace_id, loser_id);

-- What is the survivor's only because of a merge: moved by it, or come since for the loser.
CREATE TABLE merge_moves (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    merge_id BLOB NOT NULL,
    link TEXT NOT NULL,
    record_id BLOB NOT NULL,
    PRIMARY KEY (workspace_id, merge_id, link, record_id)
) STRICT;
