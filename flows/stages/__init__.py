"""Stages of the pipeline, one module each with a function `run(folder)`."""

__all__ = ["STAGES"]

STAGES = ("digests", "validate", "prepare", "train", "export", "check", "report")
"""In the order in which they run; `dvc.yaml` says what each depends on."""
