"""Trainings of out_of_the_box.py: the network drafted by `mtl init`, and peers; each is run once and cached.

The cache has the predictions for the test rows and the processor seconds of the training.
"""

import ast
import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drafted import WORK, DraftedProblem, code_digest
from peer_environments import PEERS, environment
from raw_tables import PARTS, labels_of, spec_of, write_raw_table

from mtl_core.model.inference import predictions_of
from mtl_core.training import train

TRUNKLINE = "trunkline"
METHODS = {
    TRUNKLINE: "",
    "lightgbm": "boosted_trees",
    "catboost": "boosted_trees",
    "xgboost": "boosted_trees",
    "tabm": "tabular_networks",
    "realmlp": "tabular_networks",
}
"""Method -> the environment of its peer."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class TrainingRun:
    """A training: all tasks by the shared network, or models of some tasks by a peer."""

    problem: DraftedProblem
    method: str
    seed: int
    files: tuple[tuple[int, Path], ...]
    """Number of the task, and the file with the predictions of its model."""

    @property
    def missing(self) -> tuple[tuple[int, Path], ...]:
        """Results that are not cached yet."""
        return tuple((number, path) for number, path in self.files if not path.exists())


def runs_of(problem: DraftedProblem, method: str, seed: int, tasks: Iterable[int]) -> TrainingRun:
    """The training of these tasks; its file names include a digest of everything that it depends on."""
    folder = WORK / problem.name / method
    files = []
    for number in tasks:
        digest = _network_digest(problem) if method == TRUNKLINE else _peer_digest(problem, method, number)
        files.append((number, folder / f"{number}-{seed}-{digest[:16]}.npz"))
    return TrainingRun(problem, method, seed, tuple(files))


def predictions(path: Path) -> tuple[np.ndarray, float]:
    """Predictions for the test rows, and processor seconds."""
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["predictions"], float(arrays["seconds"])


def run(run: TrainingRun) -> float:
    """Run the missing trainings and return their processor seconds."""
    missing = run.missing
    if not missing:
        return 0.0
    missing[0][1].parent.mkdir(parents=True, exist_ok=True)
    if run.method == TRUNKLINE:
        _train(run)
    else:
        _train_peer(run)
    return sum(predictions(path)[1] for _, path in missing)


def _train(run: TrainingRun) -> None:
    problem = run.problem
    training = problem.problem.training.model_copy(update={"seed": run.seed})
    seeded = problem.problem.model_copy(update={"training": training})
    splits = problem.splits
    with tempfile.TemporaryDirectory() as scratch:
        start = time.process_time()
        network, _ = train(seeded, problem.encoder, splits.train, splits.validation, Path(scratch))
        seconds = time.process_time() - start
    predicted = predictions_of(network, splits.test)
    for number, path in run.files:
        pending = path.with_suffix(".pending.npz")
        # Divided evenly, so that the sum over tasks is the time of the training.
        values = predicted[problem.tasks[number].name].astype(np.float64)
        np.savez_compressed(pending, predictions=values, seconds=seconds / len(run.files))
        pending.replace(path)


def _train_peer(run: TrainingRun) -> None:
    peer = METHODS[run.method]
    script = Path(__file__).parent / "peers" / f"with_{peer}.py"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_raw_table(run.problem, folder)
        wanted = json.dumps({str(number): str(path) for number, path in run.missing})
        command = [str(environment(peer)), str(script), str(folder), run.method, str(run.seed), wanted]
        # PYTHONPATH of this process would add other packages to the peer's.
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | ONE_THREAD
        completed = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise SystemExit(
            f"{run.problem.name}: {run.method} ended with {completed.returncode}:\n{completed.stderr[-3000:]}"
        )


def _network_digest(problem: DraftedProblem) -> str:
    code = code_digest("mtl_core.training", "mtl_core.model.inference")
    declared = problem.problem.model_dump_json(exclude={"gates"})
    return _digest(declared, problem.encoder.model_dump_json(), problem.splits.digest, code)


def _peer_digest(problem: DraftedProblem, method: str, number: int) -> str:
    peer, folder = METHODS[method], Path(__file__).parent
    scripts = [_code(folder / name) for name in (f"peers/with_{peer}.py", "peers/raw_table.py", "raw_tables.py")]
    table = hashlib.sha256(problem.suite.table().read_bytes()).hexdigest()
    task = problem.tasks[number]
    labels = hashlib.sha256()
    for part in PARTS:
        labels.update(labels_of(task, getattr(problem.splits, part)).astype(np.float32).tobytes())
    return _digest(*scripts, *PEERS[peer], table, labels.hexdigest(), json.dumps(spec_of(task)))


def _code(script: Path) -> str:
    """The script without comments and docstrings."""
    return ast.dump(_WithoutDocstrings().visit(ast.parse(script.read_text(encoding="utf-8"))))


class _WithoutDocstrings(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
