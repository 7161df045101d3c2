"""Shapes, seeds, calibration and predictions of the shared network."""

from pathlib import Path

import pytest
import torch

from mtl_core.config.trunks import SharedBottom
from mtl_core.model import Network
from tests.small import Small


def test_one_logits_tensor_per_task(small: Small) -> None:
    logits = Network.seeded(small.problem, small.encoder, 0)(small.train.slice(0, 7).inputs)
    shapes = {task: tuple(tensor.shape) for task, tensor in logits.items()}
    assert shapes == {"late": (7, 1), "band": (7, 3), "minutes": (7, 1), "rare": (7, 1)}


def test_logits_of_a_row_do_not_depend_on_other_rows(small: Small) -> None:
    network = Network.seeded(small.problem, small.encoder, 0).eval()
    batch = network(small.train.slice(0, 9).inputs)
    single_rows = [network(small.train.slice(i, i + 1).inputs) for i in range(9)]
    for task, logits in batch.items():
        torch.testing.assert_close(logits, torch.cat([row[task] for row in single_rows]))


def test_the_seed_determines_the_weights(small: Small) -> None:
    first, same, other = (Network.seeded(small.problem, small.encoder, seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("shape", [(5, 12), (2, 3, 12), (12,)])
def test_a_trunk_acts_on_the_last_dimension_only(shape: tuple[int, ...]) -> None:
    trunk = SharedBottom(widths=(8, 6)).build(width=12, tasks=3).eval()
    x = torch.randn(shape)
    outputs = trunk(x)
    assert [tuple(output.shape) for output in outputs] == [(*shape[:-1], 6)] * 3
    rows = trunk(x.reshape(-1, 12))[0].reshape(*shape[:-1], 6)
    torch.testing.assert_close(outputs[0], rows)


def test_every_parameter_has_a_gradient(small: Small) -> None:
    network = Network.seeded(small.problem, small.encoder, 0)
    logits = network(small.train.slice(0, 64).inputs)
    torch.stack([tensor.square().sum() for tensor in logits.values()]).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_predictions_are_calibrated_logits_through_the_inverse_link(small: Small) -> None:
    network = Network.seeded(small.problem, small.encoder, 0).eval()
    inputs = small.train.slice(0, 7).inputs
    logits, predictions = network(inputs), network.predict(inputs)
    for objective in network.objectives:
        assert torch.equal(predictions[objective.name], objective.inverse_link(logits[objective.name]))
    assert list(network.predictions({"band": logits["band"]})) == ["band"]

    class Halving(torch.nn.Module):
        def forward(self, logits: torch.Tensor) -> torch.Tensor:
            return logits / 2

    network.calibration[0] = Halving()
    assert torch.equal(network.predict(inputs)["late"], (logits["late"][:, 0] / 2).sigmoid())


def test_calibration_is_stored_for_tasks_with_probabilities_and_is_no_parameter(small: Small) -> None:
    """A buffer, so that optimisers and weight averages ignore it."""
    network = Network.seeded(small.problem, small.encoder, 0)
    stored = {name for name in network.state_dict() if "calibration" in name}
    calibrated = [index for index, task in enumerate(network.tasks) if task != "minutes"]
    assert stored == {f"calibration.{index}.{part}" for index in calibrated for part in ("scale", "bias")}
    assert not [name for name, _ in network.named_parameters() if "calibration" in name]
    assert all(calibration.is_identity for calibration in network.calibration)


def test_only_the_network_calls_the_inverse_link() -> None:
    root = Path(__file__).parents[2]
    callers = [
        path.relative_to(root).as_posix()
        for package in ("mtl_core", "flows", "serving", "benchmarks", "docs", "examples")
        for path in sorted((root / package).rglob("*.py"))
        if ".inverse_link(" in path.read_text(encoding="utf-8")
    ]
    assert callers == ["mtl_core/model/network.py"]
