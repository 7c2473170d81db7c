-- Submissions that wait for their sender to confirm an address, and the links that confirm.

CREATE TABLE confirmations (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    submission_id uuid NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    letters bigint NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    sent_at timestamptz,
    confirmed_at timestamptz,
    remote_address text,
    user_agent text,
    PRIMARY KEY (workspace_id, submission_id),
    FOREIGN KEY (workspace_id, submission_id) REFERENCES submissions (workspace_id, id)
);
CREATE INDEX confirmations_email ON confirmations (workspace_id, email_key, asked_at);

CREATE TABLE confirmation_links (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    token_hash text NOT NULL,
    submission_id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, token_hash),
    FOREIGN KEY (workspace_id, submission_id) REFERENCES confirmations (workspace_id, submission_id)
);
CREATE UNIQUE INDEX confirmation_links_token ON confirmation_links (token_hash);
CREATE INDEX confirmation_links_submission ON confirmation_links (workspace_id, submission_id);

-- What an advertising network told, as it told it.

CREATE TABLE ad_responses (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    source text NOT NULL,
    external_id text NOT NULL,
    submission_id uuid NOT NULL,
    raw jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, source, external_id),
    FOREIGN KEY (workspace_id, submission_id) REFERENCES submissions (workspace_id, id)
);
CREATE INDEX ad_responses_submission ON ad_responses (workspace_id, submission_id);
