-- Only SQLite keeps tables in the order of a key; on PostgreSQL everything stays as it is.
SELECT;
