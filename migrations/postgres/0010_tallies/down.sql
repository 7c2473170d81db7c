DROP TABLE leases;
DROP INDEX interactions_of_kind;
DROP INDEX scoring_models_shadow;
ALTER TABLE scoring_models DROP COLUMN keeps_scores;
ALTER TABLE scoring_models DROP COLUMN shadow_of;
DROP INDEX lead_scores_model;
CREATE INDEX lead_scores_model ON lead_scores (workspace_id, model_id);
ALTER TABLE lead_scores DROP COLUMN tally;
ALTER TABLE lead_scores DROP COLUMN whose_id;
