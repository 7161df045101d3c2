"""Preparation of the orders, for tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.data.split import SPLITS
from tests.data.orders import DECLARED, declared, quarantine

FEATURES = {**DECLARED["features"], "row": {"kind": "numeric"}}
"""The features, with one that is unique per row."""


def run(folder: Path, problem: Any = None, quarantined: Sequence[tuple[str, int]] = ()) -> dict[str, int]:
    path = quarantine(folder, quarantined)
    counts = prepare(folder, problem or declared(features=FEATURES), path, folder / "encoded")
    return {str(name): rows for name, rows in counts.items()}


def opened(folder: Path) -> tuple[Encoder, dict[str, EncodedSplit]]:
    encoder = Encoder.load(folder / "encoded" / "encoder.json")
    return encoder, {name: EncodedSplit.open(folder / "encoded" / name, encoder) for name in SPLITS}


def raw(folder: Path, name: str) -> pa.Table:
    return pq.read_table(folder / "encoded" / f"{name}.parquet")
