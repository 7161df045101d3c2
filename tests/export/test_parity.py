"""Parity: every difference between the predictions of graph and network is reported."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray

from mtl_core.data.encoder import Encoder
from mtl_core.errors import ExportError
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.parity import Parity, parity
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from tests.features import lists
from tests.small import Small, prepared

Predictions = dict[str, NDArray[Any]]


class FakeSession:
    """Returns the given predictions in place of a graph."""

    def __init__(self, predictions: Predictions) -> None:
        self.predictions = predictions

    def run(self, names: list[str], _: object) -> list[NDArray[Any]]:
        return [self.predictions[name] for name in names]


def network_predictions(network: Network, encoder: Encoder, rows: pa.Table) -> Predictions:
    network.eval()
    with torch.inference_mode():
        tensors = network.predict({name: torch.from_numpy(values) for name, values in encoder.batch(rows).items()})
        return {task: values.numpy().copy() for task, values in tensors.items()}


@pytest.fixture
def predictions(small: Small, network: Network) -> Predictions:
    """Predictions of the network for the small problem's test rows; tests may change them."""
    return network_predictions(network, small.encoder, small.raw_test)


def parity_of(small: Small, network: Network, predictions: Predictions) -> Parity:
    return parity(FakeSession(predictions), network, small.encoder, small.raw_test)  # type: ignore[arg-type]


def test_equal_predictions_have_no_difference(small: Small, network: Network, predictions: Predictions) -> None:
    measured = parity_of(small, network, predictions)
    assert (measured.difference, measured.rows) == (0.0, small.raw_test.num_rows)


@pytest.mark.parametrize(("task", "change"), [("late", 0.25), ("band", 0.5), ("minutes", 3.0)])
def test_a_difference_is_in_units_of_the_tasks_scale(
    small: Small, network: Network, predictions: Predictions, task: str, change: float
) -> None:
    scale = 1.0 if task != "minutes" else small.encoder.tasks[2].scale
    predictions[task].reshape(len(predictions[task]), -1)[7, -1] += change
    measured = parity_of(small, network, predictions)
    assert measured.task == task
    assert measured.difference == pytest.approx(change / scale, rel=1e-5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("task", ["late", "band", "minutes"])
def test_a_prediction_that_is_not_finite_gives_nan(
    small: Small, network: Network, predictions: Predictions, task: str, value: float
) -> None:
    predictions["rare"] += 0.5  # a difference of another task does not hide it
    predictions[task].reshape(len(predictions[task]), -1)[-1, 0] = value
    measured = parity_of(small, network, predictions)
    assert measured.task == task
    assert math.isnan(measured.difference)


def test_equal_predictions_that_are_not_finite_give_nan(small: Small) -> None:
    broken = Network.seeded(small.problem, small.encoder, 0)
    broken.heads[2].last.bias.data.fill_(math.nan)
    predictions = network_predictions(broken, small.encoder, small.raw_test)
    assert np.isnan(predictions["minutes"]).all()
    assert math.isnan(parity_of(small, broken, predictions).difference)


SHAPES: dict[str, tuple[str, Any]] = {
    "(rows, 1)": ("late", np.s_[:, None]),
    "(1,)": ("late", np.s_[:1]),
    "fewer rows": ("late", np.s_[:-1]),
    "fewer classes": ("band", np.s_[:, :1]),
}


@pytest.mark.parametrize(("task", "index"), SHAPES.values(), ids=SHAPES)
def test_shapes_that_would_broadcast_are_refused(
    small: Small, network: Network, predictions: Predictions, task: str, index: Any
) -> None:
    with pytest.raises(ExportError, match=rf"task '{task}' must have shape \(\d+,.* found .* export the model again"):
        parity_of(small, network, predictions | {task: predictions[task][index]})


def test_a_large_scale_does_not_hide_a_difference(small: Small) -> None:
    minutes = small.encoder.tasks[2].model_copy(update={"scale": 1e25, "minimum": -1e30, "maximum": 1e30})
    encoder = small.encoder.model_copy(update={"tasks": (minutes,)})
    network = Network.seeded(small.problem, encoder, 0)
    predictions = {"minutes": 1.5 * network_predictions(network, encoder, small.raw_test)["minutes"]}
    measured = parity(FakeSession(predictions), network, encoder, small.raw_test)  # type: ignore[arg-type]
    assert 0.01 < measured.difference < 10


def test_long_lists_are_predicted_in_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single long list would pad all rows to its length. The predictions do not depend on the batches."""
    with_lists = prepared(tmp_path, lists.document(), lists.table(300))
    encoder, rows = with_lists.encoder, with_lists.raw_test
    network = Network.seeded(with_lists.problem, encoder, 0)
    predictions = network_predictions(network, encoder, rows)
    cells: list[int] = []
    network.register_forward_pre_hook(
        lambda _, inputs: cells.append(max(x.numel() for name, x in inputs[0].items() if encoder.blocks[name].ragged))
    )
    monkeypatch.setattr("mtl_core.ragged.MAX_CELLS", 100)
    monkeypatch.setattr("mtl_core.export.parity.run_graph", lambda *_, **__: predictions)
    assert parity(FakeSession(predictions), network, encoder, rows).difference < 1e-5  # type: ignore[arg-type]
    assert len(cells) > 1
    assert max(cells) <= 100


def test_every_kind_of_task_is_exported(
    every_kind: Small, network_of_every_kind: Network, graph_of_every_kind: onnx.ModelProto
) -> None:
    network, encoder, raw = network_of_every_kind, every_kind.encoder, every_kind.raw_test
    session = open_graph(graph_of_every_kind.SerializeToString())
    for rows in (raw, raw.slice(0, 1), adversarial_rows(raw, encoder)):
        assert parity(session, network, encoder, rows).difference < 1e-5
    widths = {output.name: output.shape[1] for output in session.get_outputs() if len(output.shape) > 1}
    assert widths == {"band": 3, "grade": 4, "flags": 2, "span": 4, "single": 1, "group": 5}


def test_adversarial_rows_of_few_columns_have_one_adversarial_value_each(every_kind: Small) -> None:
    """Each column is one chunk, since a chunk per row would need gigabytes for thousands of columns."""
    encoder, raw = every_kind.encoder, every_kind.raw_test
    rows = adversarial_rows(raw, encoder)
    assert {column.num_chunks for column in rows.columns} == {1}
    start = 0
    for feature in encoder.features:
        values = feature.adversarial()
        adversarial = rows[feature.column].slice(start, len(values))
        assert str(adversarial.to_pylist()) == str(values.to_pylist())  # as text, since NaN does not equal itself
        for other in set(rows.column_names) - {feature.column}:
            assert rows[other].slice(start, len(values)).to_pylist() == raw[other].slice(start, len(values)).to_pylist()
        start += len(values)
    assert rows.num_rows == start
