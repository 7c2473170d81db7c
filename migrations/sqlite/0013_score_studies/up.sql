-- What was asked of scoring models and recorded history: previews, backtests and advice. `report` comes with the end of
-- the job.
CREATE TABLE score_studies (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    model_id BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('preview', 'backtest', 'advice')),
    job_id BLOB NOT NULL,
    question TEXT NOT NULL,
    report TEXT,
    created_by BLOB,
    created_at TEXT NOT NULL,
    finished_at TEXT,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES scoring_models (workspace_id, id)
) STRICT;
CREATE INDEX score_studies_created ON score_studies (workspace_id, model_id, kind, created_at, id);

CREATE TABLE backtest_leads (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    backtest_id BLOB NOT NULL,
    lead_id BLOB NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('won', 'lost', 'open')),
    decided_at TEXT,
    ready_at TEXT,
    score INTEGER NOT NULL,
    grade TEXT NOT NULL,
    compared_ready_at TEXT,
    compared_score INTEGER,
    compared_grade TEXT,
    PRIMARY KEY (workspace_id, backtest_id, lead_id),
    FOREIGN KEY (workspace_id, backtest_id) REFERENCES score_studies (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX backtest_leads_score ON backtest_leads (workspace_id, backtest_id, score, id);
CREATE INDEX backtest_leads_lead ON backtest_leads (workspace_id, lead_id);

-- Interactions that are not simply a person's doing. With it, what counts for scores can be read from indexes alone.
CREATE INDEX interactions_odd ON interactions (workspace_id, contact_id, id, evidence, voided_at)
    WHERE voided_at IS NOT NULL OR evidence <> 'human';
