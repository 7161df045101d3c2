"""Validation: every part file is checked against the problem's Great Expectations suite before training.

reference parts -> profile -> suite (a file that people edit)
part file -> frame -> expectation_runner -> results -> result.json, quarantine.parquet, Data Docs
params.yaml + data -> preflight -> errors of later stages, before these run
"""
