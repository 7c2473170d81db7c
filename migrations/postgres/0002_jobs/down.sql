DROP INDEX leads_unlinked;
DROP TABLE jobs;
