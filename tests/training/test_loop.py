"""The training loop: it learns, it repeats to the bit, and it goes on after a kill at any moment."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import mtl_core.training.loop
from mtl_core.config import parse_problem
from mtl_core.config.budget import budget_of
from mtl_core.data.encoded import EncodedSplit
from mtl_core.errors import DataError, TrainingError
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.tasks.regression import RegressionObjective
from mtl_core.training import TrainingResult, train
from mtl_core.training.epoch import optimizer_of, train_epoch
from mtl_core.training.scores import standard_errors
from tests.small import Small, document
from tests.training.runs import Crashes, Watched, run, same, weights, without_times

TASKS = ("late", "band", "minutes", "rare")


@pytest.mark.parametrize("method", ["mean", "uw", "upgrad"])
def test_every_task_learns(small: Small, tmp_path: Path, method: str) -> None:
    _, outcome = run(small, tmp_path, balancing={"method": method}, stopping={"policy": "joint"})
    first, last = outcome.epochs[0].losses, outcome.epochs[-1].losses
    assert all(last[task] < first[task] for task in ("late", "band", "minutes", "rare"))
    assert outcome.epochs[-1].values["late"] > 0.9


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(small: Small, tmp_path: Path) -> None:
    first, outcome = run(small, tmp_path / "a")
    second, again = run(small, tmp_path / "b")
    other, _ = run(small, tmp_path / "c", seed=1)
    assert same(first, second)
    assert without_times(outcome) == without_times(again)
    assert not same(first, other)


def test_golden_loss_curve(small: Small) -> None:
    """Twelve epochs of the summed loss; another curve means that the mathematics changed."""
    problem = small.declared()
    torch.set_num_threads(1)
    network = Network.seeded(problem, small.encoder, 0)
    balancing = problem.training.balancing.build(network.tasks)
    optimizer = optimizer_of(network, balancing, problem.training)
    budget = budget_of(problem.training, len(small.train))
    curve = [
        sum(train_epoch(network, balancing, optimizer, small.train, problem.training, budget, epoch=n).values())
        for n in range(1, 13)
    ]
    golden = Path(__file__).with_name("golden_curve.json")
    np.testing.assert_allclose(curve, json.loads(golden.read_text()), rtol=2e-3)


def test_hold_keeps_what_a_stopped_task_had(small: Small, tmp_path: Path) -> None:
    _, outcome = run(small, tmp_path, epochs=25, stopping={"policy": "hold", "patience": 1})
    stops = {task: epoch.number for epoch in outcome.epochs for task in epoch.stopped}
    assert stops, "some task must stop for the law to say anything"
    for task, stopped in stops.items():
        after = [epoch for epoch in outcome.epochs if epoch.number > stopped]
        assert all(task in epoch.distilled for epoch in after)
        best = max(epoch.scores[task] for epoch in outcome.epochs if epoch.number <= stopped)
        assert all(epoch.scores[task] > best - 6 for epoch in after), f"{task} lost six standard errors while held"
    chosen = outcome.epochs[outcome.chosen - 1]
    assert all(np.isfinite(chosen.scores[task]) for task in stops)


def test_joint_holds_nobody_and_ends_together(small: Small, tmp_path: Path) -> None:
    _, outcome = run(small, tmp_path, epochs=40, learning_rate=0.05, stopping={"policy": "joint", "patience": 1})
    assert len(outcome.epochs) < 40
    assert set(outcome.epochs[-1].stopped) == {"late", "band", "minutes", "rare"}
    assert not any(epoch.distilled for epoch in outcome.epochs)


def stops(outcome: TrainingResult) -> dict[str, int]:
    """Task -> the epoch at the end of which it first stopped."""
    return {task: epoch.number for epoch in reversed(outcome.epochs) for task in epoch.stopped}


@pytest.mark.parametrize(
    ("policy", "balancing"), [("joint", "mean"), ("freeze", "upgrad"), ("hold", "gradnorm"), ("hold", "uw")]
)
def test_killed_once_at_every_moment_it_goes_on_to_the_same_weights(
    small: Small, tmp_path: Path, policy: str, balancing: str
) -> None:
    """After every epoch, file and refitted head, in the middle of every pass, and before a teacher is written."""
    stopping: dict[str, Any] = {"policy": policy, "patience": 1}
    options = {"epochs": 5, "stopping": stopping, "finetune_heads": {"epochs": 2, "patience": 2}}
    if policy != "joint" and balancing != "gradnorm":  # no improvement is large enough for two of the tasks
        stopping["tasks"] = {task: {"min_improvement": 1_000} for task in ("late", "minutes")}
    if balancing == "gradnorm":  # long steps, so that scores go up and down
        stopping["margin"], options["learning_rate"], options["epochs"] = 0.0, 0.03, 7
    options["balancing"] = {"method": balancing}
    expected, undisturbed = run(small, tmp_path / "undisturbed", **options)
    # What the law is about must happen in this run.
    some = [epoch.number for epoch in undisturbed.epochs if epoch.stopped and epoch.number < 5]
    assert some or policy == "joint"
    assert any(epoch.resumed for epoch in undisturbed.epochs[:-1]) == (balancing == "gradnorm")
    assert any(epoch.distilled for epoch in undisturbed.epochs) == (policy == "hold")
    assert any(epoch.paused for epoch in undisturbed.epochs) == (policy == "freeze")
    assert len(undisturbed.refits) == 4

    crashes = Crashes()
    found, outcome = crashes.run(small, tmp_path / "cut", **options)
    moments = {moment for moment, *_ in crashes.seen}
    assert moments >= {"epoch", "middle of a pass", "finetune", "save_epoch", "prune", "save"}
    assert ("save_teacher" in moments) == (policy == "hold")
    assert len(crashes.seen) > 4 * len(undisturbed.epochs)
    assert same(expected, found)
    assert without_times(outcome) == without_times(undisturbed)
    assert not (tmp_path / "cut" / "finetune").exists()


def test_a_task_at_rest_stays_bit_for_bit_and_so_does_its_optimisers_state(small: Small, tmp_path: Path) -> None:
    """With weight decay and warm momentum."""
    seen = Watched(small, tmp_path, epochs=9, weight_decay=0.1, stopping={"policy": "freeze", "patience": 1})
    steps = math.ceil(len(small.train) / 64)
    rested = 0
    for before, epoch in zip(seen.outcome.epochs, seen.outcome.epochs[1:], strict=False):
        assert not all(
            torch.equal(a, b) for a, b in zip(seen.shared(before.number), seen.shared(epoch.number), strict=True)
        )
        for task in TASKS:
            was, now = seen.own(task, before.number), seen.own(task, epoch.number)
            assert any(key.endswith("exp_avg_sq") for key in was), "an optimiser with momentum"
            assert any(key.endswith("weight average") for key in was)
            if task in epoch.paused:
                rested += 1
                assert same(was, now)
            else:
                assert not any(
                    torch.equal(was[key], now[key]) for key in was if key.endswith(("weight", "weight average"))
                )
                done = {float(now[key] - was[key]) for key in was if key.endswith(".step")}
                assert len(done) == 1
                assert 0 < done.pop() <= steps
    assert rested


@pytest.mark.parametrize(("end", "task"), [("any", None), ({"first": "band"}, "band"), ({"first": "rare"}, "rare")])
def test_training_ends_with_the_first_or_the_named_task(
    small: Small, tmp_path: Path, end: object, task: str | None
) -> None:
    _, outcome = run(small, tmp_path, epochs=20, stopping={"policy": "freeze", "patience": 1, "end": end})
    found = stops(outcome)
    assert len(outcome.epochs) == (min(found.values()) if task is None else found[task]) < 20


def test_a_task_that_begins_late_rests_and_has_no_score_before(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RegressionObjective, "start_epoch", property(lambda task: 8))
    seen = Watched(small, tmp_path, epochs=16, learning_rate=0.1, stopping={"policy": "freeze", "patience": 1})
    epochs = seen.outcome.epochs
    assert {task for task, epoch in stops(seen.outcome).items() if epoch < 8} >= {"late", "band", "rare"}
    assert len(epochs) > 8, "training waits for it"
    for epoch in epochs:
        begun = epoch.number >= 8
        assert ("minutes" in epoch.paused) == (not begun)
        assert math.isfinite(epoch.values["minutes"]) == math.isfinite(epoch.scores["minutes"]) == begun
        assert math.isfinite(epoch.losses["minutes"]) == begun
    heads = [{k: v for k, v in seen.own("minutes", e).items() if "weight" in k} for e in range(1, 9)]
    assert any(key.endswith("average") for key in heads[0])
    assert all(same(heads[0], head) for head in heads[:7])
    assert not any(torch.equal(heads[6][key], heads[7][key]) for key in heads[6])
    begun = [{int(heads[e][key]) for key in heads[e] if key.endswith("average of")} for e in (6, 7)]
    assert begun[0] == {0}
    assert len(begun[1]) == 1
    assert 0 < begun[1].pop() <= math.ceil(len(small.train) / 64) < max(seen.steps[7]), "its average begins with it"
    first = predictions_of(seen.after(8), small.validation)
    expected = standard_errors(small.tasks, small.validation, first)["minutes"]
    assert seen.outcome.standard_errors["minutes"] == expected, "its unit of noise is that of its first score"
    assert seen.outcome.chosen >= 8


@pytest.mark.parametrize("averaged", [True, False])
@pytest.mark.parametrize(("by", "chosen"), [("mean", 1), ("worst", 2)])
def test_the_checkpoint_is_chosen_as_declared(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, chosen: int, averaged: bool
) -> None:
    """9 standard errors lost by one task against 4 lost by each of two. It is that epoch's average, or its weights."""
    told = iter([(0.0, 9.0, 9.0, 0.0), (5.0, 5.0, 9.0, 0.0), (9.0, 0.0, 0.0, 0.0)])
    monkeypatch.setattr(mtl_core.training.loop, "normalised", lambda *_: dict(zip(TASKS, next(told), strict=True)))
    options = {"checkpoint": by, "average_weights": averaged, "calibration": False}
    seen = Watched(small, tmp_path, epochs=3, stopping={"policy": "joint"}, **options)
    assert seen.outcome.chosen == chosen
    assert same(weights(seen.final), seen.averages[chosen - 1])
    assert same(weights(seen.final), seen.weights[chosen - 1]) == (not averaged)


def test_the_outcome_tells_the_best_and_the_final_value_of_every_task(small: Small, tmp_path: Path) -> None:
    options = {"stopping": {"policy": "freeze", "patience": 1}, "calibration": False}
    _, outcome = run(small, tmp_path, epochs=8, learning_rate=0.03, **options)
    oriented = {task.name: task.metric.oriented for task in small.tasks}
    for task in TASKS:
        values = [epoch.values[task] for epoch in outcome.epochs]
        assert oriented[task](outcome.best(task)) == max(map(oriented[task], values))
        assert outcome.final(task) == values[outcome.chosen - 1]
    assert any(outcome.final(task) != outcome.best(task) for task in TASKS)


SCRIPT = """
import sys
from pathlib import Path
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.config import parse_problem
from mtl_core.training import Progress, train
from mtl_core.training.checkpoint import save_weights
import json
encoded, scratch, out = map(Path, sys.argv[1:4])
problem, encoder = parse_problem(json.loads(sys.argv[4])), Encoder.load(encoded / "encoder.json")
splits = [EncodedSplit.open(encoded / name, encoder) for name in ("train", "validation")]
progress = Progress()
progress.on_step = lambda step, steps: print(step, flush=True)
network, _ = train(problem, encoder, *splits, scratch, progress)
save_weights(out, network.state_dict())
"""


def test_killed_at_any_moment_it_goes_on_to_the_same_weights(small: Small, tmp_path: Path) -> None:
    """Run kill -9 at a random moment, then once to the end."""
    hold = {"policy": "hold", "patience": 1}
    options = document(epochs=5, batch_size=16, stopping=hold, finetune_heads={"epochs": 3})
    arguments = [
        str(small.folder / "encoded"),
        str(tmp_path / "cut"),
        str(tmp_path / "cut.safetensors"),
        json.dumps(options),
    ]
    command = [sys.executable, "-c", SCRIPT, *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    moment = np.random.default_rng(time.time_ns()).integers(1, 200)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        for _, _ in zip(range(moment), process.stdout, strict=False):
            pass
        process.send_signal(signal.SIGKILL)
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    whole, _ = train(parse_problem(options), small.encoder, small.train, small.validation, tmp_path / "whole")
    assert same(load_file(tmp_path / "cut.safetensors"), weights(whole)), moment


def test_a_checkpoint_of_other_params_is_not_gone_on_from(small: Small, tmp_path: Path) -> None:
    run(small, tmp_path / "used", epochs=2)
    expected, _ = run(small, tmp_path / "fresh", epochs=3, learning_rate=0.02)
    found, outcome = run(small, tmp_path / "used", epochs=3, learning_rate=0.02)
    assert len(outcome.epochs) == 3
    assert same(expected, found)


def test_a_torn_checkpoint_is_not_gone_on_from(small: Small, tmp_path: Path) -> None:
    expected, _ = run(small, tmp_path, epochs=2)
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    found, _ = run(small, tmp_path, epochs=2)
    assert same(expected, found)


def test_only_epochs_that_can_still_matter_keep_their_weights(small: Small, tmp_path: Path) -> None:
    _, outcome = run(small, tmp_path, epochs=10, stopping={"policy": "joint", "patience": 9})
    kept = list(tmp_path.glob("epoch-*.safetensors"))
    assert tmp_path / f"epoch-{outcome.chosen:04}.safetensors" in kept
    assert len(kept) < 10


def test_a_loss_that_is_not_finite_is_refused_before_the_weights_move(small: Small, tmp_path: Path) -> None:
    problem = small.declared()
    network = Network.seeded(problem, small.encoder, 0)
    before = weights(network)
    balancing = problem.training.balancing.build(network.tasks)
    optimizer = optimizer_of(network, balancing, problem.training)
    labels = small.train.labels | {"minutes": torch.full_like(small.train.labels["minutes"], torch.inf)}
    broken = type(small.train)(small.train.inputs, labels)
    budget = budget_of(problem.training, len(broken))
    with pytest.raises(TrainingError, match=r"epoch 1, step 1: .*minutes \(inf\).*learning_rate"):
        train_epoch(network, balancing, optimizer, broken, problem.training, budget, epoch=1)
    assert same(before, weights(network))


def test_labels_that_a_loss_cannot_take_are_refused_before_anything_is_written(small: Small, tmp_path: Path) -> None:
    """Known from the training split's minimum, or met in either split."""
    counted = small.problem.tasks["minutes"].model_copy(update={"loss": "poisson"})
    problem = small.problem.model_copy(update={"tasks": small.problem.tasks | {"minutes": counted}})
    minutes = small.encoder.tasks[2].model_copy(update={"minimum": 0.0, "mean": 1.0})
    codecs = (*small.encoder.tasks[:2], minutes, *small.encoder.tasks[3:])
    unsuspecting = small.encoder.model_copy(update={"tasks": codecs})
    positive = EncodedSplit(small.train.inputs, small.train.labels | {"minutes": small.train.labels["minutes"].abs()})
    for encoder, train_split in (
        (small.encoder, small.train),
        (unsuspecting, small.train),
        (unsuspecting, positive),
    ):
        with pytest.raises(DataError, match=r"task 'minutes': labels under loss: poisson must be 0 or more, found -"):
            train(problem, encoder, train_split, small.validation, tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_the_checkpoint_folder_holds_no_half_written_file(small: Small, tmp_path: Path) -> None:
    run(small, tmp_path, stopping={"policy": "hold", "patience": 1})
    assert not list(tmp_path.glob("*.pending"))
    shutil.rmtree(tmp_path)
