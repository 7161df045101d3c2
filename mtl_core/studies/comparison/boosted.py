"""The arm of gradient-boosted trees: LightGBM (Ke 2017), separate models per task, without any network."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mtl_core.config import Problem, Training
from mtl_core.config.distillation import Boosted
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.distillation.trees import Trees, lightgbm_for, tree_objectives
from mtl_core.errors import DataError, ProblemError, TrainingError
from mtl_core.files import write_text
from mtl_core.frozen import Frozen
from mtl_core.model.network import to_predictions
from mtl_core.studies.comparison.run_files import Predictions, load_run, save_run
from mtl_core.studies.progress import StudyProgress
from mtl_core.studies.splits import Splits
from mtl_core.tasks import Objective, objectives
from mtl_core.training.checkpoint import fingerprint

OPTIONS = Boosted()
"""Options of the trees: the defaults of a boosted teacher. Its folds are not used here."""


class BoostedRun(Frozen):
    """The models of all tasks with one seed."""

    seed: int
    models: dict[str, int]
    """Task -> number of models whose outputs together are its prediction."""
    seconds: float
    """Processor seconds to train all of them."""
    bytes: int
    """Size of all of them as text."""
    skipped: dict[str, str]
    """Task -> why it has no trees."""


def lightgbm_error() -> str | None:
    """Why LightGBM cannot be imported; None if it can."""
    try:
        lightgbm_for("")
    except ProblemError as error:
        return str(error.__context__)
    return None


def run_boosted(
    problem: Problem, encoder: Encoder, splits: Splits, folder: Path, progress: StudyProgress | None = None
) -> BoostedRun:
    """Train the trees and predict, unless `folder` has the finished run already; writes the models as text too.

    The trees of a task learn from all its labelled training rows, and stop by their loss on validation. Seed and
    threads are those of `problem.training`.
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
    if (finished := load_run(folder, digest, BoostedRun)) is not None:
        return finished
    progress = progress or StudyProgress()
    predictions: Predictions = {}
    models: dict[str, int] = {}
    skipped: dict[str, str] = {}
    size, seconds = 0, 0.0
    for index, task in enumerate(objectives(problem.tasks, encoder.tasks)):
        trees, start = Trees(task.name, OPTIONS, encoder, training), time.process_time()
        try:
            boosters = _train(trees, task, splits)
        except _Skipped as reason:
            skipped[task.name] = str(reason)
            continue
        seconds += time.process_time() - start
        predictions[task.name] = _predict(trees, task, boosters, splits)
        texts = [booster.model_to_string() for booster in boosters]
        for number, text in enumerate(texts):
            write_text(_model_path(folder, task.name, number), text)
        models[task.name], size = len(texts), size + sum(len(text.encode()) for text in texts)
        progress.on_step(index + 1, len(encoder.tasks))
    run = BoostedRun(seed=training.seed, models=models, seconds=seconds, bytes=size, skipped=skipped)
    save_run(folder, digest, run, predictions)
    return run


def boosted_server(
    run: BoostedRun, encoder: Encoder, training: Training, test: EncodedSplit, folder: Path
) -> Callable[[int], Callable[[], object]]:
    """Rows -> a call in which one thread predicts that many test rows by every model that `run_boosted` wrote.

    The rows are repeated from the start where the split is shorter. They are encoded before the call.
    """
    trees = Trees("", OPTIONS, encoder, training)
    models = [
        trees.lightgbm.Booster(model_file=str(_model_path(folder, task, number)))
        for task, count in run.models.items()
        for number in range(count)
    ]
    return lambda rows: partial(_predict_all, models, trees.columns(test, np.arange(rows) % len(test)).values)


class _Skipped(Exception):  # control flow, not an error
    """Reason why a task has no trees."""


def _predict_all(models: list[Any], table: NDArray[np.float32]) -> None:
    for model in models:
        model.predict(table, num_threads=1)


def _train(trees: Trees, task: Objective, splits: Splits) -> list[Any]:
    try:
        train_objectives = tree_objectives(task, splits.train)
        validation_objectives = tree_objectives(task, splits.validation)
        if not all(len(objective.rows) for objective in train_objectives):
            raise _Skipped("no labelled row in the training split")
        models = []
        for objective, check in zip(train_objectives, validation_objectives, strict=True):
            data = trees.dataset(splits.train, objective)
            stop = trees.dataset(splits.validation, check, data) if len(check.rows) else None
            models.append(trees.grow(data, stop, objective))
    except ProblemError:
        raise _Skipped(f"trees cannot learn a task of the kind {task.codec.kind}") from None
    except DataError:
        raise _Skipped("trees can split on none of the features") from None
    except TrainingError as error:
        raise _Skipped(f"LightGBM refuses its labels: {error.__cause__}") from None
    return models


def _predict(trees: Trees, task: Objective, models: list[Any], splits: Splits) -> NDArray[Any]:
    """(test rows, ...) predictions with the shape of those of the task's head."""
    rows = np.arange(len(splits.test))
    columns = np.column_stack([trees.predict(model, splits.test, rows) for model in models])
    shape = task.baseline(splits.train.flat_labels(task.name).numpy()).shape  # of a row: () or (classes,)
    logits = task.tree_logits(columns.reshape(-1, *shape))
    return to_predictions(task, torch.from_numpy(logits)).numpy()


def _model_path(folder: Path, task: str, number: int) -> Path:
    return folder / f"{task}-{number}.txt"
