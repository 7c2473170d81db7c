-- Tenants, people and programs that may ask.

CREATE TABLE workspaces (
    id uuid NOT NULL PRIMARY KEY,
    key text NOT NULL UNIQUE,
    name text NOT NULL,
    settings jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE users (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'marketer', 'teleprospector', 'salesperson', 'sales_manager', 'viewer', 'integration')),
    teams jsonb NOT NULL,
    rank bigint,
    product_lines jsonb NOT NULL,
    capacity bigint,
    away_until timestamptz,
    disabled boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT users_email UNIQUE (workspace_id, email_key)
);

CREATE TABLE clients (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    name text NOT NULL,
    secret_hash text NOT NULL,
    scopes jsonb NOT NULL,
    disabled boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX clients_id ON clients (id);

CREATE TABLE idempotency_keys (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    principal text NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    lease uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    answer jsonb,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, principal, method, path, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

-- Companies, people and their interests.

CREATE TABLE accounts (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    name text NOT NULL,
    search_key text COLLATE "C" NOT NULL,
    domain text,
    industry text,
    employees bigint,
    annual_revenue_minor bigint,
    annual_revenue_currency text,
    country text,
    tax_id text,
    registration_number text,
    owner_id uuid,
    attributes jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, owner_id) REFERENCES users (workspace_id, id)
);
CREATE INDEX accounts_created ON accounts (workspace_id, created_at, id);
CREATE INDEX accounts_updated ON accounts (workspace_id, updated_at, id);
CREATE INDEX accounts_name ON accounts (workspace_id, search_key, id);
CREATE INDEX accounts_owner ON accounts (workspace_id, owner_id);

CREATE TABLE contacts (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    first_name text,
    last_name text,
    search_key text COLLATE "C" NOT NULL,
    email text,
    email_key text,
    phone text,
    phone_key text,
    mobile text,
    mobile_key text,
    external_id text,
    job_title text,
    decision_role text,
    language text,
    address jsonb NOT NULL,
    account_id uuid,
    owner_id uuid,
    marketing_only boolean NOT NULL,
    consents jsonb NOT NULL,
    first_source text,
    attributes jsonb NOT NULL,
    merged_into_id uuid,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT contacts_email UNIQUE (workspace_id, email_key),
    CONSTRAINT contacts_external_id UNIQUE (workspace_id, external_id),
    FOREIGN KEY (workspace_id, account_id) REFERENCES accounts (workspace_id, id),
    FOREIGN KEY (workspace_id, owner_id) REFERENCES users (workspace_id, id),
    FOREIGN KEY (workspace_id, merged_into_id) REFERENCES contacts (workspace_id, id)
);
CREATE INDEX contacts_created ON contacts (workspace_id, created_at, id);
CREATE INDEX contacts_updated ON contacts (workspace_id, updated_at, id);
CREATE INDEX contacts_name ON contacts (workspace_id, search_key, id);
CREATE INDEX contacts_phone ON contacts (workspace_id, phone_key);
CREATE INDEX contacts_mobile ON contacts (workspace_id, mobile_key);
CREATE INDEX contacts_account ON contacts (workspace_id, account_id);
CREATE INDEX contacts_owner ON contacts (workspace_id, owner_id);

CREATE TABLE contact_anonymous_ids (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    anonymous_id text NOT NULL,
    contact_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, anonymous_id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_anonymous_ids_contact ON contact_anonymous_ids (workspace_id, contact_id);

CREATE TABLE matching_strategies (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    key text NOT NULL,
    target text NOT NULL CHECK (target IN ('contact', 'lead')),
    definition jsonb NOT NULL,
    is_default boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT matching_strategies_key UNIQUE (workspace_id, key)
);

CREATE TABLE forms (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    status text NOT NULL CHECK (status IN ('draft', 'live', 'stopped', 'deleted')),
    definition jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT forms_key UNIQUE (workspace_id, key)
);
CREATE INDEX forms_public_key ON forms (key);
CREATE INDEX forms_created ON forms (workspace_id, created_at, id);

CREATE TABLE leads (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    topic text,
    contact_id uuid,
    account_id uuid,
    captured jsonb NOT NULL,
    email_key text,
    form_id uuid,
    campaign text,
    product_line text,
    source text NOT NULL,
    source_detail text,
    channel_class text NOT NULL CHECK (channel_class IN ('seed', 'net', 'spear')),
    utm jsonb NOT NULL,
    referrer_contact_id uuid,
    status text NOT NULL CHECK (status IN ('open', 'qualified', 'disqualified')),
    status_reason text,
    process text NOT NULL,
    stage text,
    stage_since timestamptz NOT NULL,
    owner_id uuid,
    flags jsonb NOT NULL,
    sales_ready_at timestamptz,
    temperature text,
    score bigint NOT NULL,
    origin_key text,
    attributes jsonb NOT NULL,
    search_key text COLLATE "C" NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, account_id) REFERENCES accounts (workspace_id, id),
    FOREIGN KEY (workspace_id, referrer_contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, form_id) REFERENCES forms (workspace_id, id),
    FOREIGN KEY (workspace_id, owner_id) REFERENCES users (workspace_id, id)
);
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
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    process text NOT NULL,
    from_stage text,
    to_stage text NOT NULL,
    cause text NOT NULL,
    actor_id uuid,
    note text,
    at timestamptz NOT NULL,
    seconds_in_stage bigint,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX stage_changes_lead ON stage_changes (workspace_id, lead_id, id);

-- What people send and do.

CREATE TABLE submissions (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    form_id uuid NOT NULL,
    form_version bigint NOT NULL,
    received_at timestamptz NOT NULL,
    payload jsonb NOT NULL,
    fingerprint text NOT NULL,
    client_key text,
    remote_address text,
    user_agent text,
    status text NOT NULL CHECK (status IN ('processed', 'failed', 'quarantined', 'pending')),
    reason text,
    outcome jsonb NOT NULL,
    contact_id uuid,
    lead_id uuid,
    interaction_id uuid,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT submissions_client_key UNIQUE (workspace_id, form_id, client_key),
    FOREIGN KEY (workspace_id, form_id) REFERENCES forms (workspace_id, id)
);
CREATE INDEX submissions_fingerprint ON submissions (workspace_id, form_id, fingerprint, received_at);
CREATE INDEX submissions_received ON submissions (workspace_id, received_at, id);

CREATE TABLE match_decisions (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    target text NOT NULL CHECK (target IN ('contact', 'lead')),
    channel text NOT NULL,
    submission_id uuid,
    decision jsonb NOT NULL,
    effect text NOT NULL CHECK (effect IN ('created', 'updated', 'linked', 'left_alone')),
    record_id uuid,
    at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX match_decisions_submission ON match_decisions (workspace_id, submission_id);

CREATE TABLE interaction_kinds (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    key text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, key)
);

CREATE TABLE interactions (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    kind text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    contact_id uuid,
    lead_id uuid,
    email_key text,
    phone_key text,
    external_person_id text,
    anonymous_id text,
    asset text,
    campaign text,
    form_id uuid,
    properties jsonb NOT NULL,
    source text,
    external_id text,
    sender_id uuid,
    cause text,
    evidence text NOT NULL CHECK (evidence IN ('human', 'suspect', 'machine')),
    voided_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT interactions_external_id UNIQUE (workspace_id, source, external_id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id)
);
CREATE INDEX interactions_contact ON interactions (workspace_id, contact_id, occurred_at, id);
CREATE INDEX interactions_lead ON interactions (workspace_id, lead_id);
CREATE INDEX interactions_occurred ON interactions (workspace_id, occurred_at, id);
CREATE INDEX interactions_waiting_email ON interactions (workspace_id, email_key) WHERE contact_id IS NULL;
CREATE INDEX interactions_waiting_phone ON interactions (workspace_id, phone_key) WHERE contact_id IS NULL;
CREATE INDEX interactions_waiting_external ON interactions (workspace_id, external_person_id) WHERE contact_id IS NULL;
CREATE INDEX interactions_waiting_anonymous ON interactions (workspace_id, anonymous_id) WHERE contact_id IS NULL;

-- Scoring: models, their versions, present scores and the ledger that explains them.

CREATE TABLE scoring_models (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    name text NOT NULL,
    status text NOT NULL CHECK (status IN ('draft', 'live', 'stopped')),
    live_version bigint,
    draft jsonb,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX scoring_models_created ON scoring_models (workspace_id, created_at, id);

CREATE TABLE scoring_model_versions (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    model_id uuid NOT NULL,
    model_version bigint NOT NULL,
    definition jsonb NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, model_id, model_version),
    FOREIGN KEY (workspace_id, model_id) REFERENCES scoring_models (workspace_id, id)
);

CREATE TABLE lead_scores (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    lead_id uuid NOT NULL,
    model_id uuid NOT NULL,
    model_version bigint NOT NULL,
    score bigint NOT NULL,
    grade text NOT NULL,
    shares jsonb NOT NULL,
    reached boolean NOT NULL,
    evaluated_at timestamptz NOT NULL,
    due_at timestamptz,
    PRIMARY KEY (workspace_id, lead_id, model_id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, model_id) REFERENCES scoring_models (workspace_id, id)
);
CREATE INDEX lead_scores_due ON lead_scores (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX lead_scores_model ON lead_scores (workspace_id, model_id);

CREATE TABLE score_entries (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    model_id uuid NOT NULL,
    model_version bigint NOT NULL,
    rule text NOT NULL,
    points bigint NOT NULL,
    cause text NOT NULL,
    interaction_id uuid,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, model_id) REFERENCES scoring_models (workspace_id, id)
);
CREATE INDEX score_entries_lead ON score_entries (workspace_id, lead_id, id);

-- Every fact that others may hear of, written with what caused it.

CREATE TABLE events (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    type text NOT NULL,
    contact_id uuid,
    lead_id uuid,
    data jsonb NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX events_lead ON events (workspace_id, lead_id, id);
