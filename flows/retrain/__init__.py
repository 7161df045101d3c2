"""The retrain flow: every stage brought up to date, then comparison, promotion and the record of the run."""
