DROP INDEX interactions_touch_lead;
DROP INDEX interactions_touch_contact;
DROP TABLE alerts;
DROP TABLE alert_rules;
DROP TABLE tasks;
