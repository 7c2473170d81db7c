DROP INDEX interactions_odd;
DROP TABLE backtest_leads;
DROP TABLE score_studies;
