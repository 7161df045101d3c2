"""Hyperparameter search.

The file of a study is apart from the search that writes it, so that a reader of the file needs no Optuna.
"""

from mtl_core.studies.tuning.record import Measure, Trial, Tuning

__all__ = ["Measure", "Trial", "Tuning"]
