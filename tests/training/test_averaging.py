"""The average of the weights: its equation, paused parameters, and its use in a training."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mtl_core.model import Network
from mtl_core.training.averaging import ETA, WeightAverage
from mtl_core.training.state import TrainingState
from tests.small import Small
from tests.training.runs import RecordedTraining, same, weights


@pytest.fixture
def network(small: Small) -> Network:
    return Network.seeded(small.problem, small.encoder, 0)


def step(network: Network, generator: torch.Generator, paused: Sequence[nn.Parameter] = ()) -> None:
    """Update every parameter that is not paused, and give it a gradient."""
    paused_ids = {id(parameter) for parameter in paused}
    for parameter in network.parameters():
        parameter.grad = None
        if id(parameter) not in paused_ids:
            parameter.grad = torch.zeros_like(parameter)
            parameter.data += torch.randn(parameter.shape, generator=generator)


def test_the_average_is_that_of_equation_3(network: Network) -> None:
    """Equation in float64: step t moves the average by (eta + 1) / (eta + t) of the way, with eta = 8."""
    assert ETA == 8
    average, generator = WeightAverage(network), torch.Generator().manual_seed(0)
    expected = {name: weight.double() for name, weight in weights(network).items()}
    for number in range(1, 41):
        step(network, generator)
        average.update()
        for name, weight in weights(network).items():
            expected[name] = expected[name] + 9 / (8 + number) * (weight.double() - expected[name])
        assert set(average.steps.tolist()) == {number}
    for name, weight in weights(average.network).items():
        torch.testing.assert_close(weight, expected[name].float(), rtol=1e-4, atol=1e-5)


def test_golden_average(network: Network) -> None:
    """A parameter with the values 1, 2, 3: averages 1, 1 + 9/10 (2 - 1), and 1.9 + 9/11 (3 - 1.9)."""
    average = WeightAverage(network)
    bias, mean = (net.heads[0].last.bias for net in (network, average.network))
    averages = []
    for value in (1.0, 2.0, 3.0):
        bias.data.fill_(value)
        bias.grad = torch.zeros_like(bias)
        average.update()
        averages.append(float(mean))
    assert averages == pytest.approx([1, 1.9, 2.8], rel=1e-6)


def test_after_the_first_step_the_average_is_the_weights_bit_by_bit(network: Network) -> None:
    average = WeightAverage(network)
    assert same(weights(average.network), weights(network))
    step(network, torch.Generator().manual_seed(1))
    assert not same(weights(average.network), weights(network))
    average.update()
    assert same(weights(average.network), weights(network))


def test_the_average_and_step_count_of_a_parameter_without_a_gradient_stay(network: Network) -> None:
    """Also where it differs from its average, like a head that is paused after some steps."""
    average, generator, paused = WeightAverage(network), torch.Generator().manual_seed(2), network.task_parameters(1)
    paused_ids = {id(parameter) for parameter in paused}
    for _ in range(5):
        step(network, generator)
        average.update()
    before = [parameter.clone() for parameter in average.network.task_parameters(1)]
    assert not any(torch.equal(*pair) for pair in zip(before, paused, strict=True))
    for _ in range(3):
        step(network, generator, paused)
        average.update()
    assert all(torch.equal(*pair) for pair in zip(before, average.network.task_parameters(1), strict=True))
    assert average.steps.tolist() == [5 if id(parameter) in paused_ids else 8 for parameter in network.parameters()]
    step(network, generator)
    average.update()
    for old, new, weight in zip(before, average.network.task_parameters(1), paused, strict=True):
        sixth = old.double() + 9 / 14 * (weight.double() - old.double())
        torch.testing.assert_close(new, sixth.float())


def test_the_average_is_not_trained_and_does_not_change_the_network(network: Network) -> None:
    average = WeightAverage(network)
    assert not any(parameter.requires_grad for parameter in average.parameters())
    step(network, torch.Generator().manual_seed(4))
    before = weights(network)
    average.update()
    assert same(before, weights(network))
    assert all(parameter.grad is not None and parameter.requires_grad for parameter in network.parameters())


def test_the_average_is_evaluated_and_stored_and_does_not_change_the_training(small: Small, tmp_path: Path) -> None:
    """Until a task stops."""
    options = {"epochs": 4, "stopping": {"policy": "joint", "patience": 4}, "calibration": False}
    averaged = RecordedTraining(small, tmp_path / "averaged", **options)
    plain = RecordedTraining(small, tmp_path / "plain", **options, average_weights=False)
    for epoch in range(4):
        assert same(averaged.weights[epoch], plain.weights[epoch])
        assert not same(averaged.weights[epoch], averaged.averages[epoch])
    for training, evaluated in ((averaged, averaged.averages), (plain, plain.weights)):
        chosen = training.result.chosen
        assert same(weights(training.trained), evaluated[chosen - 1])
        assert same(load_file(training.folder / f"epoch-{chosen:04}.safetensors"), evaluated[chosen - 1])
    for a, b in zip(averaged.result.epochs, plain.result.epochs, strict=True):
        assert a.losses == b.losses
        assert a.values != b.values


def test_the_average_covers_every_step_of_all_epochs(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history: list[dict[str, torch.Tensor]] = []
    after_step = TrainingState.after_step

    def recording(state: TrainingState) -> None:
        history.append(weights(state.network))
        after_step(state)

    monkeypatch.setattr(TrainingState, "after_step", recording)
    training = RecordedTraining(small, tmp_path, epochs=3, stopping={"policy": "joint", "patience": 3})
    assert len(history) == 3 * math.ceil(len(small.train) / 64) == max(training.steps[-1])
    shared = [name for name in history[0] if not name.startswith(("heads.", "private."))]
    assert shared
    for name in shared:
        expected = history[0][name].double()
        for number, after in enumerate(history[1:], start=2):
            expected += 9 / (8 + number) * (after[name].double() - expected)
        torch.testing.assert_close(training.averages[-1][name], expected.float(), rtol=1e-4, atol=1e-6)
