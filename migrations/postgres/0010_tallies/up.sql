-- What each model has seen of each lead, so that the history need not be read again; models that run beside the live
-- ones; and who does what is due.

ALTER TABLE lead_scores ADD COLUMN whose_id uuid;
ALTER TABLE lead_scores ADD COLUMN tally jsonb;
ALTER TABLE lead_scores ADD COLUMN assets_revision bigint NOT NULL DEFAULT 0;
DROP INDEX lead_scores_model;
CREATE INDEX lead_scores_model ON lead_scores (workspace_id, model_id, lead_id);

ALTER TABLE scoring_models ADD COLUMN shadow_of uuid;
ALTER TABLE scoring_models ADD COLUMN keeps_scores boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX scoring_models_shadow ON scoring_models (workspace_id, shadow_of)
    WHERE shadow_of IS NOT NULL AND live_version IS NOT NULL;

CREATE INDEX interactions_of_kind ON interactions (workspace_id, contact_id, kind, occurred_at, id);

CREATE TABLE leases (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    holder uuid NOT NULL,
    until timestamptz NOT NULL
);
