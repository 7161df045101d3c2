"""Hyperparameter search.

The record is separate from the search that writes it, so that its readers do not import Optuna.
"""

from mtl_core.studies.tuning.record import BaselineMetric, Trial, Tuning

__all__ = ["BaselineMetric", "Trial", "Tuning"]
