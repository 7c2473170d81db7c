//! Scores, grades, ledger and forecast, by the worked numbers.
