DROP TABLE backtest_leads;
DROP TABLE score_studies;
