"""Which options suit the problem. The study's file stands apart from the search that makes it, so that a reader of the
file needs no Optuna.
"""

from mtl_core.studies.tuning.record import Measure, Trial, Tuning

__all__ = ["Measure", "Trial", "Tuning"]
