-- Lists: for each way to filter one that leaves few of many, an index in the order of the list; and fewer of the others,
-- above all where each record of what somebody did writes. What is mostly empty is indexed where it is filled.

-- Leads: every change of a score writes all indexes of the row on PostgreSQL.
DROP INDEX leads_account;
CREATE INDEX leads_account ON leads (workspace_id, account_id, created_at, id) WHERE account_id IS NOT NULL;
DROP INDEX leads_owner;
CREATE INDEX leads_owner ON leads (workspace_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;
DROP INDEX leads_stage;
CREATE INDEX leads_stage ON leads (workspace_id, stage, created_at, id);
CREATE INDEX leads_form ON leads (workspace_id, form_id, created_at, id) WHERE form_id IS NOT NULL;
CREATE INDEX leads_campaign ON leads (workspace_id, campaign, created_at, id) WHERE campaign IS NOT NULL;
DROP INDEX leads_email;
CREATE INDEX leads_email ON leads (workspace_id, email_key) WHERE email_key IS NOT NULL;
DROP INDEX leads_phone;
CREATE INDEX leads_phone ON leads (workspace_id, phone_key) WHERE phone_key IS NOT NULL;
DROP INDEX leads_referrer;
CREATE INDEX leads_referrer ON leads (workspace_id, referrer_contact_id) WHERE referrer_contact_id IS NOT NULL;
DROP INDEX leads_merged;
CREATE INDEX leads_merged ON leads (workspace_id, merged_into_id) WHERE merged_into_id IS NOT NULL;

DROP INDEX contacts_account;
CREATE INDEX contacts_account ON contacts (workspace_id, account_id, created_at, id) WHERE account_id IS NOT NULL;
DROP INDEX contacts_owner;
CREATE INDEX contacts_owner ON contacts (workspace_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;
DROP INDEX contacts_merged;
CREATE INDEX contacts_merged ON contacts (workspace_id, merged_into_id) WHERE merged_into_id IS NOT NULL;

DROP INDEX accounts_owner;
CREATE INDEX accounts_owner ON accounts (workspace_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;
CREATE INDEX accounts_country ON accounts (workspace_id, country, created_at, id) WHERE country IS NOT NULL;
CREATE INDEX accounts_domain ON accounts (workspace_id, domain) WHERE domain IS NOT NULL;

DROP INDEX opportunities_owner;
CREATE INDEX opportunities_owner ON opportunities (workspace_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;

DROP INDEX match_decisions_record;
CREATE INDEX match_decisions_record ON match_decisions (workspace_id, record_id, at, id) WHERE record_id IS NOT NULL;

-- Interactions. What is about a lead is mostly known by the contact who did it, and names no lead.
DROP INDEX interactions_lead;
CREATE INDEX interactions_lead ON interactions (workspace_id, lead_id, occurred_at, id) WHERE lead_id IS NOT NULL;
DROP INDEX interactions_touch_lead;
DROP INDEX interactions_reply;
CREATE INDEX interactions_reply ON interactions (workspace_id, reply_to_id, occurred_at, id)
    WHERE reply_to_id IS NOT NULL;
DROP INDEX interactions_void;
CREATE INDEX interactions_void ON interactions (workspace_id, void_id, occurred_at, id) WHERE void_id IS NOT NULL;
CREATE INDEX interactions_source ON interactions (workspace_id, source, occurred_at, id) WHERE source IS NOT NULL;
CREATE INDEX interactions_form ON interactions (workspace_id, form_id, occurred_at, id) WHERE form_id IS NOT NULL;
CREATE INDEX interactions_campaign ON interactions (workspace_id, campaign, occurred_at, id)
    WHERE campaign IS NOT NULL;
CREATE INDEX interactions_asset ON interactions (workspace_id, asset, occurred_at, id) WHERE asset IS NOT NULL;
CREATE INDEX interactions_sender ON interactions (workspace_id, sender_id, occurred_at, id)
    WHERE sender_id IS NOT NULL;
CREATE INDEX interactions_cause ON interactions (workspace_id, cause, occurred_at, id) WHERE cause IS NOT NULL;

CREATE INDEX interaction_void_leads_after ON interaction_void_leads (workspace_id, void_id, score_after, id);

-- Events: ids sort as the events happened.
DROP INDEX events_at;
CREATE INDEX events_type ON events (workspace_id, type, id);
DROP INDEX events_lead;
CREATE INDEX events_lead ON events (workspace_id, lead_id, at, id) WHERE lead_id IS NOT NULL;
DROP INDEX events_contact;
CREATE INDEX events_contact ON events (workspace_id, contact_id, at, id) WHERE contact_id IS NOT NULL;

DROP INDEX score_entries_lead;
CREATE INDEX score_entries_lead ON score_entries (workspace_id, lead_id, at, id);
