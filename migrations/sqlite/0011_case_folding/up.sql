-- On SQLite `case_folded` is a function of the service itself.
SELECT 1;
