"""The training loop: it learns, it repeats to the bit, and it goes on after a kill at any moment."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from mtl_core.errors import TrainingError
from mtl_core.model import Network
from mtl_core.training import Epoch, Outcome, train
from mtl_core.training.loop import optimizer_of, train_epoch
from tests.small import Small, document


def weights(network: Network) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def run(small: Small, scratch: Path, **training: object) -> tuple[dict[str, torch.Tensor], Outcome]:
    network, outcome = train(small.declared(**training), small.encoder, small.train, small.validation, scratch)
    return weights(network), outcome


def without_times(outcome: Outcome) -> str:
    return json.dumps([epoch.model_dump(exclude={"seconds"}) for epoch in outcome.epochs])


@pytest.mark.parametrize("method", ["mean", "sum", "random", "uw"])
def test_every_task_learns_under_every_balancing(small: Small, tmp_path: Path, method: str) -> None:
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
    network = Network.seeded(small.encoder, problem.model, 0)
    balancing = problem.training.balancing.build(4)
    optimizer = optimizer_of(network, balancing, problem.training)
    curve = [
        sum(
            train_epoch(
                network, balancing, optimizer, small.encoder.tasks, small.train, {}, problem.training, number=n
            ).values()
        )
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
        assert all(task in epoch.held for epoch in after)
        best = max(epoch.scores[task] for epoch in outcome.epochs if epoch.number <= stopped)
        assert all(epoch.scores[task] > best - 6 for epoch in after), f"{task} lost six standard errors while held"
    chosen = outcome.epochs[outcome.chosen - 1]
    assert all(np.isfinite(chosen.scores[task]) for task in stops)


def test_joint_holds_nobody_and_ends_together(small: Small, tmp_path: Path) -> None:
    _, outcome = run(small, tmp_path, epochs=40, learning_rate=0.05, stopping={"policy": "joint", "patience": 1})
    assert len(outcome.epochs) < 40
    assert set(outcome.epochs[-1].stopped) == {"late", "band", "minutes", "rare"}
    assert not any(epoch.held for epoch in outcome.epochs)


class CrashError(Exception):
    """Stands for a crash between two epochs."""


@pytest.mark.parametrize("policy", ["joint", "hold"])
@pytest.mark.parametrize("balancing", ["random", "uw"])
def test_interrupted_after_any_epoch_it_goes_on_to_the_same_weights(
    small: Small, tmp_path: Path, policy: str, balancing: str
) -> None:
    options = {"epochs": 7, "stopping": {"policy": policy, "patience": 1}, "balancing": {"method": balancing}}
    expected, undisturbed = run(small, tmp_path / "undisturbed", **options)

    def interrupt(epoch: Epoch) -> None:
        if epoch.number not in seen:
            seen.add(epoch.number)
            raise CrashError

    seen: set[int] = set()
    for _ in undisturbed.epochs:
        with pytest.raises(CrashError):
            train(small.declared(**options), small.encoder, small.train, small.validation, tmp_path / "cut", interrupt)
    resumed, outcome = run(small, tmp_path / "cut", **options)
    assert same(expected, resumed)
    assert without_times(outcome) == without_times(undisturbed)
    assert outcome.chosen == undisturbed.chosen


SCRIPT = """
import sys
from pathlib import Path
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.problem import parse_problem
from mtl_core.training import train
from mtl_core.training.checkpoint import save_weights
import json
encoded, scratch, out = map(Path, sys.argv[1:4])
problem, encoder = parse_problem(json.loads(sys.argv[4])), Encoder.load(encoded / "encoder.json")
splits = [EncodedSplit.open(encoded / name, encoder) for name in ("train", "validation")]
network, _ = train(problem, encoder, *splits, scratch, on_step=lambda step, steps: print(step, flush=True))
save_weights(out, network.state_dict())
"""


def test_killed_at_any_moment_it_goes_on_to_the_same_weights(small: Small, tmp_path: Path) -> None:
    """kill -9 at three random moments, then once to the end."""
    options = document(epochs=5, batch_size=16, stopping={"policy": "hold", "patience": 1})
    arguments = [
        str(small.folder / "encoded"),
        str(tmp_path / "cut"),
        str(tmp_path / "cut.safetensors"),
        json.dumps(options),
    ]
    command = [sys.executable, "-c", SCRIPT, *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    generator = np.random.default_rng(time.time_ns())
    moments = generator.integers(1, 120, size=3)
    for steps in moments:
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
            assert process.stdout is not None
            for _, _ in zip(range(steps), process.stdout, strict=False):
                pass
            process.send_signal(signal.SIGKILL)
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    arguments[1:3] = [str(tmp_path / "whole"), str(tmp_path / "whole.safetensors")]
    subprocess.run([sys.executable, "-c", SCRIPT, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    assert (tmp_path / "cut.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes(), moments


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
    network = Network.seeded(small.encoder, problem.model, 0)
    before = weights(network)
    balancing = problem.training.balancing.build(4)
    optimizer = optimizer_of(network, balancing, problem.training)
    labels = small.train.labels | {"minutes": torch.full_like(small.train.labels["minutes"], torch.inf)}
    broken = type(small.train)(small.train.inputs, labels)
    with pytest.raises(TrainingError, match=r"epoch 1, step 1: .*minutes \(inf\).*learning_rate"):
        train_epoch(network, balancing, optimizer, small.encoder.tasks, broken, {}, problem.training, number=1)
    assert same(before, weights(network))


def test_the_scratch_folder_holds_no_half_written_file(small: Small, tmp_path: Path) -> None:
    run(small, tmp_path, stopping={"policy": "hold", "patience": 1})
    assert not list(tmp_path.glob("*.pending"))
    shutil.rmtree(tmp_path)
