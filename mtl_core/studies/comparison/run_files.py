"""Finished runs: run.json, a run with the digest of its inputs, and predictions.safetensors, those of the test rows."""

import json
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from mtl_core.files import pending, write_text
from mtl_core.frozen import Frozen
from mtl_core.training.checkpoint import CheckpointStore

Run = TypeVar("Run", bound=Frozen)
Predictions = dict[str, NDArray[Any]]
"""Task -> (test rows, ...) predictions."""


def load_run(folder: Path, digest: str, kind: type[Run]) -> Run | None:
    """The finished run in the folder. Where it has none of that digest, empty the folder and return None."""
    path = folder / "run.json"
    if path.exists():
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["digest"] == digest:
            return kind.model_validate(document["run"])
    CheckpointStore(folder, digest).clear()
    return None


def save_run(folder: Path, digest: str, run: Frozen, predictions: Predictions) -> None:
    """Write the predictions, then run.json, which marks the run as finished."""
    with pending(folder / "predictions.safetensors") as temporary:
        save_file({task: np.ascontiguousarray(values) for task, values in predictions.items()}, temporary)
    write_text(folder / "run.json", json.dumps({"digest": digest, "run": run.model_dump(mode="json")}, indent=1))


def load_predictions(folder: Path) -> Predictions:
    """The predictions of a finished run."""
    return load_file(folder / "predictions.safetensors")
