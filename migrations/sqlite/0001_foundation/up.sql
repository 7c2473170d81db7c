-- Tenants, people and programs that may ask.

CREATE TABLE workspaces (
    id BLOB NOT NULL PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE users (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'marketer', 'teleprospector', 'salesperson', 'sales_manager', 'viewer', 'integration')),
    teams TEXT NOT NULL,
    rank INTEGER,
    product_lines TEXT NOT NULL,
    capacity INTEGER,
    away_until TEXT,
    disabled INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT users_email UNIQUE (workspace_id, email_key)
) STRICT;

CREATE TABLE clients (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
) STRICT;
CREATE INDEX clients_id ON clients (id);

CREATE TABLE idempotency_keys (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    principal TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    lease BLOB NOT NULL,
    lease_until TEXT NOT NULL,
    answer TEXT,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, principal, method, path, key)
) STRICT;
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

-- Companies, people and their interests.

CREATE TABLE accounts (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    search_key TEXT NOT NULL,
    domain TEXT,
    industry TEXT,
    employees INTEGER,
    annual_revenue_minor INTEGER,
    annual_revenue_currency TEXT,
    country TEXT,
    tax_id TEXT,
    registration_number TEXT,
    owner_id BLOB,
    attributes TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, owner_id) REFERENCES users (workspace_id, id)
) STRICT;
CREATE INDEX accounts_created ON accounts (workspace_id, created_at, id);
CREATE INDEX accounts_updated ON accounts (workspace_id, updated_at, id);
CREATE INDEX accounts_name ON accounts (workspace_id, search_key, id);
CREATE INDEX accounts_owner ON accounts (workspace_id, owner_id);

CREATE TABLE contacts (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    first_name TEXT,
    last_name TEXT,
    search_key TEXT NOT NULL,
    email TEXT,
    email_key TEXT,
    phone TEXT,
    phone_key TEXT,
    mobile TEXT,
    mobile_key TEXT,
    external_id TEXT,
    job_title TEXT,
    decision_role TEXT,
    language TEXT,
    address TEXT NOT NULL,
    account_id BLOB,
    owner_id BLOB,
    marketing_only INTEGER NOT NULL,
    consents TEXT NOT NULL,
    first_source TEXT,
    attributes TEXT NOT NULL,
    merged_into_id BLOB,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT contacts_email UNIQUE (workspace_id, email_key),
    CONSTRAINT contacts_external_id UNIQUE (workspace_id, external_id),
    FOREIGN KEY (workspace_id, account_id) REFERENCES accounts (workspace_id, id),
    FOREIGN KEY (workspace_id, owner_id) REFERENCES users (workspace_id, id),
    FOREIGN KEY (workspace_id, merged_into_id) REFERENCES contacts (workspace_id, id)
) STRICT;
CREATE INDEX contacts_created ON contacts (workspace_id, created_at, id);
CREATE INDEX contacts_updated ON contacts (workspace_id, updated_at, id);
CREATE INDEX contacts_name ON contacts (workspace_id, search_key, id);
CREATE INDEX contacts_phone ON contacts (workspace_id, phone_key);
CREATE INDEX contacts_mobile ON contacts (workspace_id, mobile_key);
CREATE INDEX contacts_account ON contacts (workspace_id, account_id);
CREATE INDEX contacts_owner ON contacts (workspace_id, owner_id);

CREATE TABLE contact_anonymous_ids (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    anonymous_id TEXT NOT NULL,
    contact_id BLOB NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, anonymous_id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX contact_anonymous_ids_contact ON contact_anonymous_ids (workspace_id, contact_id);

CREATE TABLE matching_strategies (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    key TEXT NOT NULL,
    target TEXT NOT NULL CHECK (target IN ('contact', 'lead')),
    definition TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT matching_strategies_key UNIQUE (workspace_id, key)
) STRICT;

CREATE TABLE forms (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('draft', 'live', 'stopped', 'deleted')),
    definition TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT forms_key UNIQUE (workspace_id, key)
) STRICT;
CREATE INDEX forms_public_key ON forms (key);
CREATE INDEX forms_created ON forms (workspace_id, created_at, id);

CREATE TABLE leads (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    topic TEXT,
    contact_id BLOB,
    account_id BLOB,
    captured TEXT NOT NULL,
    email_key TEXT,
    form_id BLOB,
    campaign TEXT,
    product_line TEXT,
    source TEXT NOT NULL,
    source_detail TEXT,
    channel_class TEXT NOT NULL CHECK (channel_class IN ('seed', 'net', 'spear')),
    utm TEXT NOT NULL,
    referrer_contact_id BLOB,
    status TEXT NOT NULL CHECK (status IN ('open', 'qualified', 'disqualified')),
    status_reason TEXT,
    process TEXT NOT NULL,
    stage TEXT,
    stage_since TEXT NOT NULL,
    owner_id BLOB,
    flags TEXT NOT NULL,
    sales_ready_at TEXT,
    temperature TEXT,
    score INTEGER NOT NULL,
    origin_key TEXT,
    attributes TEXT NOT NULL,
    search_key TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, account_id) REFERENCES accounts (workspace_id, id),
    FOREIGN KEY (workspace_id, referrer_contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, form_id) REFERENCES forms (workspace_id, id),
    FOREIGN KEY (workspace_id, owner_id) REFERENCES users (workspace_id, id)
) STRICT;
-- One open lead per contact and form, whatever arrives at once; leads a person asked for by hand carry no origin key.
CREATE UNIQUE INDEX leads_origin ON leads (workspace_id, origin_key) WHERE status = 'open';
CREATE INDEX leads_contact ON leads (workspace_id, contact_id);
CREATE INDEX leads_account ON leads (workspace_id, account_id);
CREATE INDEX leads_email ON leads (workspace_id, email_key);
CREATE INDEX leads_created ON leads (workspace_id, created_at, id);
CREATE INDEX leads_updated ON leads (workspace_id, updated_at, id);
CREATE INDEX leads_score ON leads (workspace_id, score, id);
CREATE INDEX leads_owner ON leads (workspace_id, owner_id);
CREATE INDEX leads_referrer ON leads (workspace_id, referrer_contact_id);

CREATE TABLE stage_changes (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    lead_id BLOB NOT NULL,
    process TEXT NOT NULL,
    from_stage TEXT,
    to_stage TEXT NOT NULL,
    cause TEXT NOT NULL,
    actor_id BLOB,
    note TEXT,
    at TEXT NOT NULL,
    seconds_in_stage INTEGER,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX stage_changes_lead ON stage_changes (workspace_id, lead_id, id);

-- What people send and do.

CREATE TABLE submissions (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    form_id BLOB NOT NULL,
    form_version INTEGER NOT NULL,
    received_at TEXT NOT NULL,
    payload TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    client_key TEXT,
    remote_address TEXT,
    user_agent TEXT,
    status TEXT NOT NULL CHECK (status IN ('processed', 'failed', 'quarantined', 'pending')),
    reason TEXT,
    outcome TEXT NOT NULL,
    contact_id BLOB,
    lead_id BLOB,
    interaction_id BLOB,
    version INTEGER NOT NULL DEFAULT 1,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT submissions_client_key UNIQUE (workspace_id, form_id, client_key),
    FOREIGN KEY (workspace_id, form_id) REFERENCES forms (workspace_id, id)
) STRICT;
CREATE INDEX submissions_fingerprint ON submissions (workspace_id, form_id, fingerprint, received_at);
CREATE INDEX submissions_received ON submissions (workspace_id, received_at, id);

CREATE TABLE match_decisions (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    target TEXT NOT NULL CHECK (target IN ('contact', 'lead')),
    channel TEXT NOT NULL,
    submission_id BLOB,
    decision TEXT NOT NULL,
    effect TEXT NOT NULL CHECK (effect IN ('created', 'updated', 'linked', 'left_alone')),
    record_id BLOB,
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
) STRICT;
CREATE INDEX match_decisions_submission ON match_decisions (workspace_id, submission_id);

CREATE TABLE interaction_kinds (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, key)
) STRICT;

CREATE TABLE interactions (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    occurred_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    contact_id BLOB,
    lead_id BLOB,
    email_key TEXT,
    phone_key TEXT,
    external_person_id TEXT,
    anonymous_id TEXT,
    asset TEXT,
    campaign TEXT,
    form_id BLOB,
    properties TEXT NOT NULL,
    source TEXT,
    external_id TEXT,
    sender_id BLOB,
    cause TEXT,
    evidence TEXT NOT NULL CHECK (evidence IN ('human', 'suspect', 'machine')),
    voided_at TEXT,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT interactions_external_id UNIQUE (workspace_id, source, external_id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id)
) STRICT;
CREATE INDEX interactions_contact ON interactions (workspace_id, contact_id, occurred_at, id);
CREATE INDEX interactions_lead ON interactions (workspace_id, lead_id);
CREATE INDEX interactions_occurred ON interactions (workspace_id, occurred_at, id);
CREATE INDEX interactions_waiting_email ON interactions (workspace_id, email_key) WHERE contact_id IS NULL;
CREATE INDEX interactions_waiting_phone ON interactions (workspace_id, phone_key) WHERE contact_id IS NULL;
CREATE INDEX interactions_waiting_external ON interactions (workspace_id, external_person_id) WHERE contact_id IS NULL;
CREATE INDEX interactions_waiting_anonymous ON interactions (workspace_id, anonymous_id) WHERE contact_id IS NULL;

-- Scoring: models, their versions, present scores and the ledger that explains them.

CREATE TABLE scoring_models (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('draft', 'live', 'stopped')),
    live_version INTEGER,
    draft TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
) STRICT;
CREATE INDEX scoring_models_created ON scoring_models (workspace_id, created_at, id);

CREATE TABLE scoring_model_versions (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    model_id BLOB NOT NULL,
    model_version INTEGER NOT NULL,
    definition TEXT NOT NULL,
    published_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, model_id, model_version),
    FOREIGN KEY (workspace_id, model_id) REFERENCES scoring_models (workspace_id, id)
) STRICT;

CREATE TABLE lead_scores (
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
    PRIMARY KEY (workspace_id, lead_id, model_id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, model_id) REFERENCES scoring_models (workspace_id, id)
) STRICT;
CREATE INDEX lead_scores_due ON lead_scores (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX lead_scores_model ON lead_scores (workspace_id, model_id);

CREATE TABLE score_entries (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    lead_id BLOB NOT NULL,
    model_id BLOB NOT NULL,
    model_version INTEGER NOT NULL,
    rule TEXT NOT NULL,
    points INTEGER NOT NULL,
    cause TEXT NOT NULL,
    interaction_id BLOB,
    at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, model_id) REFERENCES scoring_models (workspace_id, id)
) STRICT;
CREATE INDEX score_entries_lead ON score_entries (workspace_id, lead_id, id);

-- Every fact that others may hear of, written with what caused it.

CREATE TABLE events (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    type TEXT NOT NULL,
    contact_id BLOB,
    lead_id BLOB,
    data TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
) STRICT;
CREATE INDEX events_lead ON events (workspace_id, lead_id, id);
