-- What is to be done next, what users want to be told of, and what they were told.

-- Contacts are not referred to: whoever merges them holds them before their leads, and tasks and alerts are written by
-- those who hold a lead. What is about a contact goes with it all the same.
CREATE TABLE tasks (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('call', 'mail', 'offer', 'meeting', 'other')),
    title text NOT NULL,
    note text,
    lead_id uuid,
    contact_id uuid,
    assignee_id uuid,
    role text COLLATE "C",
    due_at timestamptz NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('open', 'done', 'cancelled')),
    result text,
    outcome text COLLATE "C",
    done_at timestamptz,
    done_by uuid,
    cancelled_because text COLLATE "C",
    interaction_id uuid,
    cause text COLLATE "C" NOT NULL,
    stage text COLLATE "C",
    overdue_told_at timestamptz,
    -- When it will be told that the task is overdue; null once that was told, and for what is finished.
    warn_at timestamptz,
    created_by uuid,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT tasks_subject CHECK (lead_id IS NOT NULL OR contact_id IS NOT NULL),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, assignee_id) REFERENCES users (workspace_id, id)
);
CREATE INDEX tasks_due ON tasks (workspace_id, due_at, id);
CREATE INDEX tasks_created ON tasks (workspace_id, created_at, id);
CREATE INDEX tasks_status ON tasks (workspace_id, status, due_at, id);
CREATE INDEX tasks_assignee ON tasks (workspace_id, assignee_id, due_at, id);
CREATE INDEX tasks_assignee_status ON tasks (workspace_id, assignee_id, status, due_at, id);
CREATE INDEX tasks_role ON tasks (workspace_id, role, due_at, id);
CREATE INDEX tasks_role_status ON tasks (workspace_id, role, status, due_at, id);
CREATE INDEX tasks_lead ON tasks (workspace_id, lead_id, due_at, id);
CREATE INDEX tasks_contact ON tasks (workspace_id, contact_id, due_at, id);
CREATE INDEX tasks_warn ON tasks (warn_at) WHERE warn_at IS NOT NULL;

CREATE TABLE alert_rules (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('assigned', 'sales_ready', 'score_above', 'interaction')),
    score bigint,
    kinds jsonb,
    leads text COLLATE "C" NOT NULL,
    enabled boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES users (workspace_id, id)
);
CREATE INDEX alert_rules_kind ON alert_rules (workspace_id, user_id, kind);
CREATE INDEX alert_rules_created ON alert_rules (workspace_id, user_id, created_at, id);
-- Everyone has each of the shipped rules at most once.
CREATE UNIQUE INDEX alert_rules_shipped ON alert_rules (workspace_id, user_id, kind)
    WHERE kind IN ('assigned', 'sales_ready');

CREATE TABLE alerts (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    lead_id uuid,
    contact_id uuid,
    detail jsonb NOT NULL,
    read_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES users (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX alerts_user ON alerts (workspace_id, user_id, at, id);
CREATE INDEX alerts_kind ON alerts (workspace_id, user_id, kind, at, id);
CREATE INDEX alerts_unread ON alerts (workspace_id, user_id, at, id) WHERE read_at IS NULL;
CREATE INDEX alerts_lead ON alerts (workspace_id, lead_id);
CREATE INDEX alerts_contact ON alerts (workspace_id, contact_id);

-- What users did about a lead, and for a contact about none of its leads in particular.
CREATE INDEX interactions_touch_lead ON interactions (workspace_id, lead_id, occurred_at, id)
    WHERE sender_id IS NOT NULL AND lead_id IS NOT NULL;
CREATE INDEX interactions_touch_contact ON interactions (workspace_id, contact_id, occurred_at, id)
    WHERE sender_id IS NOT NULL AND lead_id IS NULL;
