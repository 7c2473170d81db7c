DROP TABLE service_level_breaches;
DROP TABLE stage_deadlines;
DROP INDEX leads_stage;
ALTER TABLE stage_changes DROP COLUMN overridden;
ALTER TABLE stage_changes DROP COLUMN reason;
ALTER TABLE stage_changes DROP COLUMN from_process;
DROP TABLE processes;
