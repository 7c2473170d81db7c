-- The register of assets, and every revision of it.

CREATE TABLE assets (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    search_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    stage TEXT,
    -- In millionths of a percent.
    readiness_percent INTEGER,
    -- The revision that made the asset what it is.
    revision INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, key)
) STRICT;
CREATE INDEX assets_created ON assets (workspace_id, created_at, id);
CREATE INDEX assets_updated ON assets (workspace_id, updated_at, id);
CREATE INDEX assets_name ON assets (workspace_id, search_key, id);

-- One row for each asset that a revision is about. Kept for good: an asset that is gone keeps its rows.
CREATE TABLE asset_revisions (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    revision INTEGER NOT NULL,
    asset_id BLOB NOT NULL,
    asset_key TEXT NOT NULL,
    before TEXT,
    after TEXT,
    at TEXT NOT NULL,
    by BLOB,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, asset_id, revision)
) STRICT;
CREATE INDEX asset_revisions_revision ON asset_revisions (workspace_id, revision, id);
CREATE INDEX asset_revisions_key ON asset_revisions (workspace_id, asset_key, revision, id);
