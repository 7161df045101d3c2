"""The average of the weights: its equation, what rests in it, and its place in a training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mtl_core.model import Network
from mtl_core.training import Epoch, train
from mtl_core.training.averaging import ETA, Average
from mtl_core.training.state import State
from tests.small import Small
from tests.training.runs import Callbacks, CrashError, Watched, run, same, weights, without_times


@pytest.fixture
def network(small: Small) -> Network:
    return Network.seeded(small.problem, small.encoder, 0)


def moved(network: Network, generator: torch.Generator, without: Sequence[nn.Parameter] = ()) -> None:
    """Take a step of some optimiser: every parameter has a gradient and moves, but for those without."""
    left_out = {id(parameter) for parameter in without}
    for parameter in network.parameters():
        parameter.grad = None
        if id(parameter) not in left_out:
            parameter.grad = torch.zeros_like(parameter)
            parameter.data += torch.randn(parameter.shape, generator=generator)


def test_equation_3_by_hand(network: Network) -> None:
    """Weights in float64: of every step t the way that is left is (eta + 1) / (eta + t), with eta of 8."""
    assert ETA == 8
    average, generator = Average(network), torch.Generator().manual_seed(0)
    expected = {name: weight.double() for name, weight in weights(network).items()}
    for step in range(1, 41):
        moved(network, generator)
        average.update()
        for name, weight in weights(network).items():
            expected[name] = expected[name] + 9 / (8 + step) * (weight.double() - expected[name])
        assert set(average.steps.tolist()) == {step}
    for name, found in weights(average.network).items():
        torch.testing.assert_close(found, expected[name].float(), rtol=1e-4, atol=1e-5)


def test_golden_steps(network: Network) -> None:
    """A parameter that is 1, 2, 3 after steps 1, 2, 3: 1, 1 + 9/10 (2 - 1), and 1.9 + 9/11 (3 - 1.9)."""
    average = Average(network)
    bias, mean = (some.heads[0].last.bias for some in (network, average.network))
    found = []
    for value in (1.0, 2.0, 3.0):
        bias.data.fill_(value)
        bias.grad = torch.zeros_like(bias)
        average.update()
        found.append(float(mean))
    assert found == pytest.approx([1, 1.9, 2.8], rel=1e-6)


def test_the_first_step_leaves_nothing_of_the_beginning(network: Network) -> None:
    average = Average(network)
    assert same(weights(average.network), weights(network))
    moved(network, torch.Generator().manual_seed(1))
    assert not same(weights(average.network), weights(network)), "a copy, which does not move by itself"
    average.update()
    assert same(weights(average.network), weights(network)), "to the bit"


@pytest.mark.parametrize("steps", [100, 1_000])
def test_it_reaches_back_over_the_last_ninth(network: Network, steps: int) -> None:
    """On a weight that rises evenly it lags by a tenth of all steps, as a sum of t^8 has its centre at nine tenths."""
    average, bias = Average(network), network.heads[0].last.bias
    bias.grad = torch.zeros_like(bias)
    for step in range(1, steps + 1):
        bias.data.fill_(step / steps)
        average.update()
    assert float(average.network.heads[0].last.bias) == pytest.approx(0.9, abs=0.1 / np.sqrt(steps))


def test_a_parameter_without_a_gradient_keeps_its_average_to_the_bit_and_its_count(network: Network) -> None:
    """Though it lies elsewhere than its average, as a head that rests after some steps does."""
    average, generator, own = Average(network), torch.Generator().manual_seed(2), network.task_parameters(1)
    mine = {id(parameter) for parameter in own}
    places = [place for place, parameter in enumerate(network.parameters()) if id(parameter) in mine]
    for _ in range(5):
        moved(network, generator)
        average.update()
    before = [parameter.clone() for parameter in average.network.task_parameters(1)]
    assert not any(torch.equal(*pair) for pair in zip(before, own, strict=True))
    for _ in range(3):
        moved(network, generator, without=own)
        average.update()
    assert all(torch.equal(*pair) for pair in zip(before, average.network.task_parameters(1), strict=True))
    assert average.steps.tolist() == [5 if place in places else 8 for place in range(len(average.steps))]
    was = [parameter.double() for parameter in before]
    moved(network, generator)
    average.update()
    for old, new, weight in zip(was, average.network.task_parameters(1), own, strict=True):
        torch.testing.assert_close(new, (old + 9 / 14 * (weight.double() - old)).float(), msg="its sixth step")


def test_one_that_begins_late_has_an_average_of_its_own_steps_alone(network: Network) -> None:
    generator, own = torch.Generator().manual_seed(3), network.task_parameters(2)
    late = Average(network)
    for _ in range(7):
        moved(network, generator, without=own)
        late.update()
    from_then = Average(network)
    for _ in range(4):
        moved(network, generator)
        late.update()
        from_then.update()
    pairs = zip(late.network.task_parameters(2), from_then.network.task_parameters(2), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert not same(weights(late.network), weights(from_then.network)), "the shared part has more steps behind it"


def test_it_learns_nothing_and_leaves_the_network_alone(network: Network) -> None:
    average = Average(network)
    assert not any(parameter.requires_grad for parameter in average.parameters())
    moved(network, torch.Generator().manual_seed(4))
    before = weights(network)
    average.update()
    assert same(before, weights(network))
    assert all(parameter.grad is not None and parameter.requires_grad for parameter in network.parameters())


def test_its_state_says_all_of_it(network: Network) -> None:
    """An average restored from the state of another goes on to the same bits."""
    generator, average = torch.Generator().manual_seed(5), Average(network)
    for _ in range(3):
        moved(network, generator, without=network.task_parameters(0))
        average.update()
    other = Average(network)
    other.load_state_dict({name: tensor.clone() for name, tensor in average.state_dict().items()})
    for _ in range(3):
        moved(network, generator)
        average.update()
        other.update()
    assert same(weights(average), weights(other))


# In a training


def test_it_moves_no_weight_but_is_what_is_scored_and_kept(small: Small, tmp_path: Path) -> None:
    """Until a task stops, training is the same with it and without; without it the last weights are the model."""
    options = {"epochs": 4, "stopping": {"policy": "joint", "patience": 4}, "calibration": False}
    on = Watched(small, tmp_path / "on", **options)
    off = Watched(small, tmp_path / "off", **options, average_weights=False)
    for with_it, without, averages in zip(on.weights, off.weights, on.averages, strict=True):
        assert same(with_it, without)
        assert not same(with_it, averages)
    assert not any(name.startswith("average") for name in load_file(tmp_path / "off" / "checkpoint.safetensors"))
    for seen, kept in ((on, on.averages), (off, off.weights)):
        assert same(weights(seen.final), kept[seen.outcome.chosen - 1])
        chosen = load_file(seen.scratch / f"epoch-{seen.outcome.chosen:04}.safetensors")
        assert same(chosen, kept[seen.outcome.chosen - 1])
    assert [epoch.losses for epoch in on.outcome.epochs] == [epoch.losses for epoch in off.outcome.epochs]
    assert [epoch.values for epoch in on.outcome.epochs] != [epoch.values for epoch in off.outcome.epochs]


def test_it_is_of_every_step_across_epochs(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint holds the equation on the weights after every single step."""
    course: list[dict[str, torch.Tensor]] = []
    after_step = State.after_step

    def watched(state: State) -> None:
        course.append(weights(state.network))
        after_step(state)

    monkeypatch.setattr(State, "after_step", watched)
    seen = Watched(small, tmp_path, epochs=3, stopping={"policy": "joint", "patience": 3})
    steps = len(small.train) // 64 + bool(len(small.train) % 64)
    assert len(course) == 3 * steps == max(seen.steps[-1])
    shared = [name for name in course[0] if not name.startswith(("heads.", "private."))]
    assert shared
    for name in shared:
        expected = course[0][name].double()
        for step, after in enumerate(course[1:], start=2):
            expected += 9 / (8 + step) * (after[name].double() - expected)
        torch.testing.assert_close(seen.averages[-1][name], expected.float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("averaged", [True, False])
def test_killed_after_any_epoch_the_checkpoint_is_the_same_to_the_bit(
    small: Small, tmp_path: Path, averaged: bool
) -> None:
    """Weights, their average and its steps, and what else there is, with a head that rests."""
    options = {"epochs": 6, "average_weights": averaged, "stopping": {"policy": "freeze", "patience": 1}}
    expected, undisturbed = run(small, tmp_path / "whole", learning_rate=0.05, **options)
    assert any(epoch.paused for epoch in undisturbed.epochs)
    ended: set[int] = set()

    def cut(epoch: Epoch) -> None:
        if epoch.number not in ended:
            ended.add(epoch.number)
            raise CrashError

    problem = small.declared(learning_rate=0.05, **options)
    for _ in undisturbed.epochs:
        with pytest.raises(CrashError):
            train(problem, small.encoder, small.train, small.validation, tmp_path / "cut", Callbacks(on_epoch=cut))
    found, outcome = run(small, tmp_path / "cut", learning_rate=0.05, **options)
    assert same(expected, found)
    assert without_times(outcome) == without_times(undisturbed)
    checkpoints = [load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "cut")]
    assert same(*checkpoints)
    assert ("average.steps" in checkpoints[0]) == averaged
    if averaged:
        assert len(set(checkpoints[0]["average.steps"].tolist())) > 1, "what rested has fewer steps"
