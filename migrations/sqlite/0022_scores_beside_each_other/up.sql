-- The scores of a lead are kept in the order of their key, beside each other: all of them are read, and some written, with
-- every interaction of its person. In the order in which models were published each would be on a page of its own.
CREATE TABLE lead_scores_by_lead (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    lead_id BLOB NOT NULL,
    model_id BLOB NOT NULL,
    model_version INTEGER NOT NULL,
    score INTEGER NOT NULL,
    grade TEXT NOT NULL,
    shares TEXT NOT NULL,
    reached INTEGER NOT NULL,
    evaluated_at TEXT NOT NULL,
    due_at TEXT,
    whose_id BLOB,
    assets_revision INTEGER NOT NULL DEFAULT 0,
    tally BLOB,
    PRIMARY KEY (workspace_id, lead_id, model_id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, model_id) REFERENCES scoring_models (workspace_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO lead_scores_by_lead (
    workspace_id, lead_id, model_id, model_version, score, grade, shares, reached, evaluated_at, due_at, whose_id,
    assets_revision, tally
) SELECT
    workspace_id, lead_id, model_id, model_version, score, grade, shares, reached, evaluated_at, due_at, whose_id,
    assets_revision, tally
FROM lead_scores ORDER BY workspace_id, lead_id, model_id;
DROP TABLE lead_scores;
ALTER TABLE lead_scores_by_lead RENAME TO lead_scores;
CREATE INDEX lead_scores_due ON lead_scores (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX lead_scores_model ON lead_scores (workspace_id, model_id, lead_id);
