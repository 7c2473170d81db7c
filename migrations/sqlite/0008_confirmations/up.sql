-- Submissions that wait for their sender to confirm an address, and the links that confirm.

CREATE TABLE confirmations (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    submission_id BLOB NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    letters INTEGER NOT NULL,
    asked_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    sent_at TEXT,
    confirmed_at TEXT,
    remote_address TEXT,
    user_agent TEXT,
    PRIMARY KEY (workspace_id, submission_id),
    FOREIGN KEY (workspace_id, submission_id) REFERENCES submissions (workspace_id, id)
) STRICT;
CREATE INDEX confirmations_email ON confirmations (workspace_id, email_key, asked_at);

CREATE TABLE confirmation_links (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    token_hash TEXT NOT NULL,
    submission_id BLOB NOT NULL,
    made_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, token_hash),
    FOREIGN KEY (workspace_id, submission_id) REFERENCES confirmations (workspace_id, submission_id)
) STRICT;
CREATE UNIQUE INDEX confirmation_links_token ON confirmation_links (token_hash);
CREATE INDEX confirmation_links_submission ON confirmation_links (workspace_id, submission_id);

-- What an advertising network told, as it told it.

CREATE TABLE ad_responses (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    submission_id BLOB NOT NULL,
    raw TEXT NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, source, external_id),
    FOREIGN KEY (workspace_id, submission_id) REFERENCES submissions (workspace_id, id)
) STRICT;
CREATE INDEX ad_responses_submission ON ad_responses (workspace_id, submission_id);
