-- What was asked of scoring models and recorded history: previews, backtests and advice. `report` comes with the end of
-- the job.
CREATE TABLE score_studies (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    model_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('preview', 'backtest', 'advice')),
    job_id uuid NOT NULL,
    question jsonb NOT NULL,
    report jsonb,
    created_by uuid,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES scoring_models (workspace_id, id)
);
CREATE INDEX score_studies_created ON score_studies (workspace_id, model_id, kind, created_at, id);

CREATE TABLE backtest_leads (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    backtest_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('won', 'lost', 'open')),
    decided_at timestamptz,
    ready_at timestamptz,
    score bigint NOT NULL,
    grade text NOT NULL,
    compared_ready_at timestamptz,
    compared_score bigint,
    compared_grade text,
    PRIMARY KEY (workspace_id, backtest_id, lead_id),
    FOREIGN KEY (workspace_id, backtest_id) REFERENCES score_studies (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX backtest_leads_score ON backtest_leads (workspace_id, backtest_id, score, id);
CREATE INDEX backtest_leads_lead ON backtest_leads (workspace_id, lead_id);

-- Interactions that are not simply a person's doing. With it, what counts for scores can be read from indexes alone.
CREATE INDEX interactions_odd ON interactions (workspace_id, contact_id, id, evidence, voided_at)
    WHERE voided_at IS NOT NULL OR evidence <> 'human';
