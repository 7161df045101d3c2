"""Stages of the pipeline, one module each with a function `run(folder)`."""
