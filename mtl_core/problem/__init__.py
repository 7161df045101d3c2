"""A declared problem: `params.yaml` as frozen models, a file per section, and whether they fit together."""

from mtl_core.problem.data import Border, ColumnSplit, Data, HashSplit, Split, TimeSplit
from mtl_core.problem.declaration import Problem
from mtl_core.problem.export import Export
from mtl_core.problem.gates import Gates, Latency
from mtl_core.problem.model import HeadOptions, Model
from mtl_core.problem.reading import PARAMS, load_problem, parse_problem
from mtl_core.problem.training import RefitHeads, RelatednessOptions, Training
from mtl_core.problem.tuning import Prune, Tuned, TuningOptions

__all__ = [
    "PARAMS",
    "Border",
    "ColumnSplit",
    "Data",
    "Export",
    "Gates",
    "HashSplit",
    "HeadOptions",
    "Latency",
    "Model",
    "Problem",
    "Prune",
    "RefitHeads",
    "RelatednessOptions",
    "Split",
    "TimeSplit",
    "Training",
    "Tuned",
    "TuningOptions",
    "load_problem",
    "parse_problem",
]
