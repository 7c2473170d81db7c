-- Since when a lead is ready for sales, its mark says.
ALTER TABLE leads DROP COLUMN sales_ready_at;
