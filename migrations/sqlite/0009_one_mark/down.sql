ALTER TABLE leads ADD COLUMN sales_ready_at TEXT;
