-- Strategies of a workspace: at most one of its own is the default of a target, and the rules of every version stay.

CREATE UNIQUE INDEX matching_strategies_default ON matching_strategies (workspace_id, target) WHERE is_default;

-- By key, not by strategy: decisions name a key and a version, and outlive the strategy.
CREATE TABLE matching_strategy_versions (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    key text NOT NULL,
    strategy_version bigint NOT NULL,
    definition jsonb NOT NULL,
    changed_by uuid,
    at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT matching_strategy_versions_number UNIQUE (workspace_id, key, strategy_version)
);

-- What leads and contacts are looked up by. Of many contacts with one number, the latest changed are read, no others.
ALTER TABLE leads ADD COLUMN phone_key text;
CREATE INDEX leads_phone ON leads (workspace_id, phone_key);
DROP INDEX contacts_phone;
DROP INDEX contacts_mobile;
CREATE INDEX contacts_phone ON contacts (workspace_id, phone_key, updated_at DESC, id);
CREATE INDEX contacts_mobile ON contacts (workspace_id, mobile_key, updated_at DESC, id);

CREATE INDEX match_decisions_at ON match_decisions (workspace_id, at, id);
CREATE INDEX match_decisions_record ON match_decisions (workspace_id, record_id);
