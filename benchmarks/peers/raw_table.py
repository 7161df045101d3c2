"""The table of a problem, read in a peer's environment, and the loop of a peer's process over its tasks."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class PeerTask:
    """A task. `kind`: binary, classes or number; `loss`: squared, absolute or poisson for a number, else ""."""

    kind: str
    classes: int
    loss: str


@dataclass(frozen=True)
class Rows:
    """Labelled rows of a split; all rows where it is the test split. `x` has the categories as pandas categories."""

    x: pd.DataFrame
    y: np.ndarray


Fit = Callable[[str, PeerTask, int, Rows, Rows], Callable[[pd.DataFrame], np.ndarray]]
"""Method, task, seed, training and validation rows -> features to (rows,) numbers or (rows, classes) probabilities."""


def serve(fit: Fit) -> None:
    """Train a model per task of the command line: FOLDER METHOD SEED {number of a task: file for its predictions}."""
    folder, method, seed, wanted = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
    with np.load(folder / "table.npz", allow_pickle=False) as arrays:
        x, split = _features(arrays), arrays["split"]
        labels = {number: arrays[f"y{number}"] for number in wanted}
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    for number, out in wanted.items():
        task, y = PeerTask(**tasks[int(number)]), labels[number]
        of_part = [(split == index) & ~np.isnan(y) for index in (0, 1)]
        train, validation = (Rows(x[mask].reset_index(drop=True), _typed(task, y[mask])) for mask in of_part)
        start = time.process_time()
        predict = fit(method, task, seed, train, validation)
        seconds = time.process_time() - start
        predictions = np.asarray(predict(x[split == 2].reset_index(drop=True)), dtype=np.float64)
        pending = Path(out).with_suffix(".pending.npz")
        np.savez_compressed(pending, predictions=predictions, seconds=seconds)
        pending.replace(out)


def _features(arrays: Any) -> pd.DataFrame:
    numbers = pd.DataFrame(arrays["numbers"], columns=[f"n{index}" for index in range(arrays["numbers"].shape[1])])
    codes, levels = arrays["codes"], arrays["levels"]
    kinds = {
        f"c{index}": pd.Categorical.from_codes(codes[:, index], categories=range(levels[index]))
        for index in range(codes.shape[1])
    }
    return pd.concat([numbers, pd.DataFrame(kinds)], axis=1)


def _typed(task: PeerTask, y: np.ndarray) -> np.ndarray:
    return y if task.kind == "number" else y.astype(np.int64)
