DROP TABLE proposals;
DROP TABLE field_sources;
