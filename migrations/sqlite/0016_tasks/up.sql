-- What is to be done next, what users want to be told of, and what they were told.

-- Contacts are not referred to: whoever merges them holds them before their leads, and tasks and alerts are written by
-- those who hold a lead. What is about a contact goes with it all the same.
CREATE TABLE tasks (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('call', 'mail', 'offer', 'meeting', 'other')),
    title TEXT NOT NULL,
    note TEXT,
    lead_id BLOB,
    contact_id BLOB,
    assignee_id BLOB,
    role TEXT,
    due_at TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'done', 'cancelled')),
    result TEXT,
    outcome TEXT,
    done_at TEXT,
    done_by BLOB,
    cancelled_because TEXT,
    interaction_id BLOB,
    cause TEXT NOT NULL,
    stage TEXT,
    overdue_told_at TEXT,
    -- When it will be told that the task is overdue; null once that was told, and for what is finished.
    warn_at TEXT,
    created_by BLOB,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT tasks_subject CHECK (lead_id IS NOT NULL OR contact_id IS NOT NULL),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, assignee_id) REFERENCES users (workspace_id, id)
) STRICT;
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
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('assigned', 'sales_ready', 'score_above', 'interaction')),
    score INTEGER,
    kinds TEXT,
    leads TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES users (workspace_id, id)
) STRICT;
CREATE INDEX alert_rules_kind ON alert_rules (workspace_id, user_id, kind);
CREATE INDEX alert_rules_created ON alert_rules (workspace_id, user_id, created_at, id);
-- Everyone has each of the shipped rules at most once.
CREATE UNIQUE INDEX alert_rules_shipped ON alert_rules (workspace_id, user_id, kind)
    WHERE kind IN ('assigned', 'sales_ready');

CREATE TABLE alerts (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    lead_id BLOB,
    contact_id BLOB,
    detail TEXT NOT NULL,
    read_at TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES users (workspace_id, id),
    FOREIGN KEY (workspace_id, lead_id) REFERENCES leads (workspace_id, id) ON DELETE CASCADE
) STRICT;
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
