ALTER TABLE backtest_leads DROP COLUMN opportunity;
DROP TABLE message_templates;
DROP TABLE lead_origins;
DROP TABLE lead_closings;
DROP TABLE opportunities;
