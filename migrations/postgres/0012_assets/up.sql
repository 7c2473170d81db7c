-- The register of assets, and every revision of it.

CREATE TABLE assets (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    name text NOT NULL,
    search_key text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    stage text COLLATE "C",
    -- In millionths of a percent.
    readiness_percent bigint,
    -- The revision that made the asset what it is.
    revision bigint NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, key)
);
CREATE INDEX assets_created ON assets (workspace_id, created_at, id);
CREATE INDEX assets_updated ON assets (workspace_id, updated_at, id);
CREATE INDEX assets_name ON assets (workspace_id, search_key, id);

-- One row for each asset that a revision is about. Kept for good: an asset that is gone keeps its rows.
CREATE TABLE asset_revisions (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    revision bigint NOT NULL,
    asset_id uuid NOT NULL,
    asset_key text COLLATE "C" NOT NULL,
    before jsonb,
    after jsonb,
    at timestamptz NOT NULL,
    by uuid,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, asset_id, revision)
);
CREATE INDEX asset_revisions_revision ON asset_revisions (workspace_id, revision, id);
CREATE INDEX asset_revisions_key ON asset_revisions (workspace_id, asset_key, revision, id);
