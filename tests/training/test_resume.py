"""Trainings that crashed, were killed, or find a checkpoint of another training."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from mtl_core.config import parse_problem
from mtl_core.training import train
from tests.small import Small, document
from tests.training.runs import CrashInjector, run, same, to_json, weights

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and tracing them costs a third of these trainings


@pytest.mark.parametrize(
    ("policy", "balancing", "averaged"),
    [
        ("joint", "mean", False),
        ("freeze", "upgrad", True),
        ("hold", "gradnorm", True),
        ("hold", "uw", True),
    ],
)
def test_a_training_that_crashed_at_every_point_is_bit_identical(
    small: Small, tmp_path: Path, policy: str, balancing: str, averaged: bool
) -> None:
    """Crashes after every epoch, file and fine-tuned head, within epochs, and before soft targets are written."""
    stopping: dict[str, Any] = {"policy": policy, "patience": 1}
    options: dict[str, Any] = {
        "epochs": 5,
        "stopping": stopping,
        "balancing": {"method": balancing},
        "average_weights": averaged,
        "finetune_heads": {"epochs": 2, "patience": 2},
        "relatedness": {"every": 7, "affinity": True},
    }
    if policy != "joint" and balancing != "gradnorm":  # two of the tasks stop
        stopping["tasks"] = {task: {"min_improvement": 1_000} for task in ("late", "minutes")}
    if balancing == "gradnorm":  # long steps, so that scores fall and rise
        stopping["margin"], options["learning_rate"], options["epochs"] = 0.0, 0.03, 7
    expected, uninterrupted = run(small, tmp_path / "uninterrupted", **options)
    stopped_before_the_end = [epoch for epoch in uninterrupted.epochs if epoch.stopped and epoch.number < 5]
    assert stopped_before_the_end or policy == "joint"
    assert any(epoch.resumed for epoch in uninterrupted.epochs[:-1]) == (balancing == "gradnorm")
    assert any(epoch.distilled for epoch in uninterrupted.epochs) == (policy == "hold")
    assert any(epoch.paused for epoch in uninterrupted.epochs) == (policy == "freeze")
    assert len(uninterrupted.finetuned_heads) == 4
    assert uninterrupted.calibrations
    assert uninterrupted.epochs[-1].relatedness

    crashes = CrashInjector()
    weights, result = crashes.run(small, tmp_path / "crashed", **options)
    names = {name for name, *_ in crashes.points}
    assert names >= {"epoch", "step", "finetune", "save_epoch", "prune", "save"}
    assert ("save_teacher" in names) == (policy == "hold")
    assert len(crashes.points) > 4 * len(uninterrupted.epochs)
    assert same(expected, weights)
    assert to_json(result) == to_json(uninterrupted)
    checkpoints = [load_file(tmp_path / name / "checkpoint.safetensors") for name in ("uninterrupted", "crashed")]
    assert same(*checkpoints)
    assert ("average.steps" in checkpoints[0]) == averaged
    assert not (tmp_path / "crashed" / "finetune").exists()
    assert not list((tmp_path / "crashed").glob("*.pending"))


SCRIPT = """
import json, sys
from pathlib import Path
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.config import parse_problem
from mtl_core.training import Progress, train
from mtl_core.training.checkpoint import save_weights
encoded, folder, out = map(Path, sys.argv[1:4])
problem, encoder = parse_problem(json.loads(sys.argv[4])), Encoder.load(encoded / "encoder.json")
splits = [EncodedSplit.open(encoded / name, encoder) for name in ("train", "validation")]
progress = Progress()
progress.on_step = progress.on_teacher = lambda *step: print(*step, flush=True)
network, _ = train(problem, encoder, *splits, folder, progress)
save_weights(out, network.state_dict())
"""


def test_a_training_that_was_killed_at_a_random_moment_is_bit_identical(small: Small, tmp_path: Path) -> None:
    """Killed with SIGKILL while a teacher, the network or a head trains, then resumed."""
    teachers = {"rare": {"kind": "boosted", "folds": 3, "trees": 20}, "minutes": {"kind": "single_task"}}
    hold = {"policy": "hold", "patience": 1}
    params = document(epochs=5, batch_size=16, stopping=hold, finetune_heads={"epochs": 3}, teachers=teachers)
    out = tmp_path / "resumed.safetensors"
    arguments = [str(small.folder / "encoded"), str(tmp_path / "killed"), str(out), json.dumps(params)]
    command = [sys.executable, "-c", SCRIPT, *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    generator = np.random.default_rng(time.time_ns())
    moment = generator.integers(1, 9 if generator.random() < 0.3 else 200)  # the first eight lines are of teachers
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        for _, _ in zip(range(moment), process.stdout, strict=False):
            pass
        process.send_signal(signal.SIGKILL)
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    expected, _ = train(parse_problem(params), small.encoder, small.train, small.validation, tmp_path / "expected")
    assert same(load_file(out), weights(expected)), moment


def test_a_checkpoint_of_other_params_is_discarded(small: Small, tmp_path: Path) -> None:
    run(small, tmp_path / "used", epochs=2)
    expected, _ = run(small, tmp_path / "new", epochs=3, learning_rate=0.02)
    trained, result = run(small, tmp_path / "used", epochs=3, learning_rate=0.02)
    assert len(result.epochs) == 3
    assert same(expected, trained)


def test_a_truncated_checkpoint_is_discarded(small: Small, tmp_path: Path) -> None:
    expected, _ = run(small, tmp_path, epochs=2)
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    trained, _ = run(small, tmp_path, epochs=2)
    assert same(expected, trained)


def test_weights_that_are_no_longer_needed_are_removed(small: Small, tmp_path: Path) -> None:
    _, result = run(small, tmp_path, epochs=10, stopping={"policy": "joint", "patience": 9})
    stored = list(tmp_path.glob("epoch-*.safetensors"))
    assert tmp_path / f"epoch-{result.chosen:04}.safetensors" in stored
    assert len(stored) < 10
