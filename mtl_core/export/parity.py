"""Parity: does the exported graph say what the network says? Measured on raw rows, usual and hostile."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from mtl_core.data.encoder import Encoder
from mtl_core.export.session import Session, run_graph
from mtl_core.features import ColumnType
from mtl_core.model import Network

__all__ = ["Parity", "hostile_rows", "parity"]

HOSTILE_NUMBERS = (
    None,
    float("nan"),
    float("inf"),
    float("-inf"),
    1e308,
    -1e308,
    5e-324,
    0.5,
    -0.0,
    2.0**63,
    1e15 + 0.5,
)
HOSTILE_STRINGS = (None, "", " ", "never seen before", "\u00e9\U0001f6e9", "0", "NaN", "x" * 10_000)


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The largest difference between graph and network, in the scale of the task where it occurs."""

    difference: float
    task: str
    rows: int


def hostile_rows(table: pa.Table, encoder: Encoder) -> pa.Table:
    """For every column each hostile value in turn, in a row that is usual otherwise."""
    usual = table.slice(0, 1).select(list(encoder.columns))
    rows = []
    for position, (name, kind) in enumerate(encoder.columns.items()):
        values = HOSTILE_STRINGS if kind == "string" else HOSTILE_NUMBERS
        wide = pa.concat_tables([_widened(usual, encoder.columns)] * len(values))
        hostile = pa.array(values, pa.string() if kind == "string" else pa.float64())
        rows.append(wide.set_column(position, name, hostile))
    return pa.concat_tables(rows)


def parity(session: Session, network: Network, encoder: Encoder, table: pa.Table) -> Parity:
    """Compares graph and network on those raw rows.

    A task's scale is 1 for probabilities, and for anything else the standard deviation of the network's predictions.
    """
    by_graph = run_graph(session, table, encoder.columns, [task.name for task in encoder.tasks])
    network.eval()
    with torch.inference_mode():
        logits = network({name: torch.from_numpy(values) for name, values in encoder.inputs(table).items()})
    found = []
    for task in encoder.tasks:
        by_network = task.link(logits[task.name]).numpy()
        scale = 1.0 if task.signature()["unit"] == "probability" else float(by_network.std()) or 1.0
        difference = float(np.abs(by_graph[task.name] - by_network).max()) / scale
        found.append(Parity(difference=difference, task=task.name, rows=table.num_rows))
    return max(found, key=lambda one: math.inf if math.isnan(one.difference) else one.difference)


def _widened(table: pa.Table, columns: dict[str, ColumnType]) -> pa.Table:
    arrays = [pc.cast(table[name], pa.string() if kind == "string" else pa.float64()) for name, kind in columns.items()]
    return pa.table(arrays, names=list(columns))
