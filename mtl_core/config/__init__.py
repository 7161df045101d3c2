"""A declared problem: `params.yaml` as frozen models, a file per section, and whether they fit together."""

from mtl_core.config.data import Border, ColumnSplit, Data, HashSplit, Split, TimeSplit
from mtl_core.config.export import Export
from mtl_core.config.gates import Gates, Latency
from mtl_core.config.model import HeadOptions, Model
from mtl_core.config.problem import Problem
from mtl_core.config.reading import PARAMS, load_problem, parse_problem
from mtl_core.config.training import RefitHeads, RelatednessOptions, Training
from mtl_core.config.tuning import Prune, Tuned, TuningOptions

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
