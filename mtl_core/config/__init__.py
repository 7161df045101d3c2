"""A declared problem: `params.yaml` as frozen models, a file per section, and the checks across sections.

Each file is the reference of its section: options, bounds, defaults. Nothing here imports torch, onnx or the modules
that options configure; `build` imports these when it is called.
"""

from mtl_core.config.balancing import AnyBalancing, Balancing
from mtl_core.config.data import Csv, Data, ReadOptions
from mtl_core.config.distillation import AnyTeacher
from mtl_core.config.document import PARAMS, parse_yaml
from mtl_core.config.duration import Duration
from mtl_core.config.export import Export
from mtl_core.config.gates import BaselineRule, Gates, Latency, ParityLimits
from mtl_core.config.load import load_problem, parse_problem
from mtl_core.config.model import HeadOptions, Model
from mtl_core.config.problem import Problem
from mtl_core.config.split import ROW, Boundary, ColumnSplit, HashSplit, Split, TimeSplit
from mtl_core.config.stopping import EndAfterTask, Stopping, TaskStopping
from mtl_core.config.store import StoreOptions
from mtl_core.config.text import AnyTextEncoder, TextEncoderOptions
from mtl_core.config.training import FinetuneHeads, RelatednessOptions, Training
from mtl_core.config.trunks import AnyTrunk, TrunkOptions
from mtl_core.config.tuning import Prune, SearchRange, TuningOptions

__all__ = [
    "PARAMS",
    "ROW",
    "AnyBalancing",
    "AnyTeacher",
    "AnyTextEncoder",
    "AnyTrunk",
    "Balancing",
    "BaselineRule",
    "Boundary",
    "ColumnSplit",
    "Csv",
    "Data",
    "Duration",
    "EndAfterTask",
    "Export",
    "FinetuneHeads",
    "Gates",
    "HashSplit",
    "HeadOptions",
    "Latency",
    "Model",
    "ParityLimits",
    "Problem",
    "Prune",
    "ReadOptions",
    "RelatednessOptions",
    "SearchRange",
    "Split",
    "Stopping",
    "StoreOptions",
    "TaskStopping",
    "TextEncoderOptions",
    "TimeSplit",
    "Training",
    "TrunkOptions",
    "TuningOptions",
    "load_problem",
    "parse_problem",
    "parse_yaml",
]
