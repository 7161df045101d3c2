"""Orchestration: the command line, the stages that DVC runs, and the Prefect flow around them."""
