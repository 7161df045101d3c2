"""The arm of gradient-boosted trees: LightGBM, a model per task (Ke 2017), as it is used without any network."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from mtl_core.config import Problem, Training
from mtl_core.config.distillation import Boosted
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.distillation.trees import Trees, lightgbm_for, tree_objectives
from mtl_core.errors import ProblemError, TrainingError
from mtl_core.files import pending, write_text
from mtl_core.frozen import Frozen
from mtl_core.model.network import to_predictions
from mtl_core.studies.arms import Splits
from mtl_core.tasks import Objective, objectives
from mtl_core.training.checkpoint import CheckpointStore, fingerprint

OPTIONS = Boosted()
"""The size of the trees, as a teacher has it where nothing is declared. Its folds play no part here."""


class BoostedRun(Frozen):
    """The models of all tasks with one seed."""

    seed: int
    models: dict[str, int]
    """Task -> how many models say together what it predicts."""
    seconds: float
    """Processor seconds to grow all of them."""
    bytes: int
    """Size of all of them as text."""
    skipped: dict[str, str]
    """Task -> why trees were not grown for it."""


def missing() -> str | None:
    """Why LightGBM cannot be used here; None where it can."""
    try:
        lightgbm_for("")
    except ProblemError as error:
        return str(error.__context__)
    return None


def run_boosted(
    problem: Problem,
    encoder: Encoder,
    splits: Splits,
    folder: Path,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> BoostedRun:
    """Grows and asks, unless `folder` holds the result already: run.json, the test predictions, the models as text.

    The trees of a task learn from all its labelled training rows, and stop growing by their loss on validation.
    Seed and threads are those of `problem.training`. `on_step` is called after every task.
    """
    training = problem.training
    digest = fingerprint(
        OPTIONS.model_dump_json(),
        training.model_dump_json(include={"seed", "threads"}),
        lightgbm_for("").__version__,
        problem.model_dump_json(include={"tasks"}),
        encoder.model_dump_json(),
        splits.digest,
    )
    kept = folder / "run.json"
    if kept.exists():
        found = _Kept.model_validate_json(kept.read_text(encoding="utf-8"))
        if found.digest == digest:
            return found.run
    CheckpointStore(folder, digest).clear()
    predictions: dict[str, NDArray[Any]] = {}
    models: dict[str, int] = {}
    skipped: dict[str, str] = {}
    size, seconds = 0, 0.0
    for place, task in enumerate(objectives(problem.tasks, encoder.tasks)):
        trees, began = Trees(task.name, OPTIONS, encoder, training), time.process_time()
        try:
            grown = _grown(trees, task, splits)
        except _Skipped as reason:
            skipped[task.name] = str(reason)
            continue
        seconds += time.process_time() - began
        predictions[task.name] = _predicted(trees, task, grown, splits)
        texts = [model.model_to_string() for model in grown]
        for number, text in enumerate(texts):
            write_text(_text(folder, task.name, number), text)
        models[task.name], size = len(texts), size + sum(len(text.encode()) for text in texts)
        on_step(place + 1, len(encoder.tasks))
    with pending(folder / "predictions.safetensors") as temporary:
        save_file({task: np.ascontiguousarray(values) for task, values in predictions.items()}, temporary)
    run = BoostedRun(seed=training.seed, models=models, seconds=seconds, bytes=size, skipped=skipped)
    write_text(kept, _Kept(digest=digest, run=run).model_dump_json(indent=1))
    return run


def servers_of(
    run: BoostedRun, encoder: Encoder, training: Training, test: EncodedSplit, folder: Path
) -> Callable[[int], Callable[[], object]]:
    """Rows -> a call in which one thread predicts that many encoded rows by every model of `run_boosted`.

    The rows are those of the test split, from its start again where it is shorter; the models are those that
    `run_boosted` left in `folder`. The call does no more than predict: the encoding is done before.
    """
    trees = _Asked("", OPTIONS, encoder, training)
    models = [
        trees.lightgbm.Booster(model_file=str(_text(folder, task, number)))
        for task, count in run.models.items()
        for number in range(count)
    ]
    return lambda rows: partial(trees.ask_all, models, trees.table(test, np.arange(rows) % len(test)))


class _Kept(Frozen):
    """run.json: a run, and the digest of what it depends on."""

    digest: str
    run: BoostedRun


class _Skipped(Exception):  # a reason, no error
    """Why trees are not grown for a task."""


class _Asked(Trees):
    """Trees that were grown before, asked for a table that is there already."""

    def table(self, split: EncodedSplit, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """(B,) numbers of rows of the split -> what the trees see of them."""
        return self._columns(split, rows).values

    def ask_all(self, models: list[Any], table: NDArray[np.float32]) -> None:
        """Predicts with each."""
        for model in models:
            model.predict(table, num_threads=1)


def _grown(trees: Trees, task: Objective, splits: Splits) -> list[Any]:
    """The models of a task."""
    try:
        learned, checked = tree_objectives(task, splits.train), tree_objectives(task, splits.validation)
        if not all(len(objective.rows) for objective in learned):
            raise _Skipped("no labelled row in the training split")
        models = []
        for objective, check in zip(learned, checked, strict=True):
            data = trees.dataset(splits.train, objective)
            stop = trees.dataset(splits.validation, check, data) if len(check.rows) else None
            models.append(trees.grow(data, stop, objective))
    except ProblemError:
        raise _Skipped(f"trees cannot learn a task of the kind {task.codec.kind}") from None
    except TrainingError as error:
        raise _Skipped(f"LightGBM refuses its labels: {error.__cause__}") from None
    return models


def _predicted(trees: Trees, task: Objective, models: list[Any], splits: Splits) -> NDArray[Any]:
    """(test rows, ...) predictions in the form in which the task's head would give them."""
    rows = np.arange(len(splits.test))
    columns = np.column_stack([trees.predict(model, splits.test, rows) for model in models])
    shape = task.baseline(splits.train.flat_labels(task.name).numpy()).shape  # of a row: () or (classes,)
    logits = task.tree_logits(columns.reshape(-1, *shape))
    return to_predictions(task, torch.from_numpy(logits)).numpy()


def _text(folder: Path, task: str, number: int) -> Path:
    return folder / f"{task}-{number}.txt"
