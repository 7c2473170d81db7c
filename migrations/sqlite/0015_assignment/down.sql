DROP INDEX leads_held;
DROP TABLE unassigned_leads;
DROP TABLE lead_assignments;
DROP TABLE assignment_rules;
