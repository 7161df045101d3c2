"""Parity: every form of prediction is held against the network, and nothing that differs looks the same."""

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
from mtl_core.export.session import open_graph
from mtl_core.model import Network
from tests.features import lists
from tests.small import Small, prepared


class Session:
    """Answers what it was given, in place of a graph."""

    def __init__(self, answers: dict[str, NDArray[Any]]) -> None:
        self.answers = answers

    def run(self, names: list[str], _: object) -> list[NDArray[Any]]:
        return [self.answers[name] for name in names]


def predictions(network: Network, encoder: Encoder, rows: pa.Table) -> dict[str, NDArray[Any]]:
    """The network's own."""
    network.eval()
    with torch.inference_mode():
        found = network.predict({name: torch.from_numpy(values) for name, values in encoder.batch(rows).items()})
        return {task: values.numpy().copy() for task, values in found.items()}


@pytest.fixture
def answers(small: Small, network: Network) -> dict[str, NDArray[Any]]:
    """Predictions of the network for the small problem's test rows; to be changed."""
    return predictions(network, small.encoder, small.raw_test)


def measured(small: Small, network: Network, answers: dict[str, NDArray[Any]]) -> Parity:
    return parity(Session(answers), network, small.encoder, small.raw_test)  # type: ignore[arg-type]


def test_the_same_differs_by_nothing(small: Small, network: Network, answers: dict[str, NDArray[Any]]) -> None:
    found = measured(small, network, answers)
    assert (found.difference, found.rows) == (0.0, small.raw_test.num_rows)


@pytest.mark.parametrize(("task", "by"), [("late", 0.25), ("band", 0.5), ("minutes", 3.0)])
def test_a_difference_counts_in_the_scale_of_its_task(
    small: Small, network: Network, answers: dict[str, NDArray[Any]], task: str, by: float
) -> None:
    scale = 1.0 if task != "minutes" else small.encoder.tasks[2].scale
    answers[task].reshape(len(answers[task]), -1)[7, -1] += by
    found = measured(small, network, answers)
    assert found.task == task
    assert found.difference == pytest.approx(by / scale, rel=1e-5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("task", ["late", "band", "minutes"])
def test_what_is_not_finite_is_no_parity(
    small: Small, network: Network, answers: dict[str, NDArray[Any]], task: str, value: float
) -> None:
    answers["rare"] += 0.5  # a difference elsewhere does not hide it
    answers[task].reshape(len(answers[task]), -1)[-1, 0] = value
    found = measured(small, network, answers)
    assert found.task == task
    assert math.isnan(found.difference)


def test_what_is_not_finite_on_both_sides_is_no_parity_either(small: Small) -> None:
    broken = Network.seeded(small.problem, small.encoder, 0)
    broken.heads[2].last.bias.data.fill_(math.nan)
    same = predictions(broken, small.encoder, small.raw_test)
    assert np.isnan(same["minutes"]).all()
    assert math.isnan(measured(small, broken, same).difference)


@pytest.mark.parametrize("shape", ["(rows, 1)", "(1,)", "fewer rows", "fewer classes"])
def test_shapes_that_would_broadcast_are_refused(
    small: Small, network: Network, answers: dict[str, NDArray[Any]], shape: str
) -> None:
    late, band = answers["late"], answers["band"]
    changed = {
        "(rows, 1)": {"late": late[:, None]},
        "(1,)": {"late": late[:1]},
        "fewer rows": {"late": late[:-1]},
        "fewer classes": {"band": band[:, :1]},
    }[shape]
    with pytest.raises(ExportError, match=r"must have shape \(\d+,.* as the network's have, found .* export the model"):
        measured(small, network, answers | changed)


def test_a_large_unit_hides_no_difference(small: Small) -> None:
    minutes = small.encoder.tasks[2].model_copy(update={"scale": 1e25, "minimum": -1e30, "maximum": 1e30})
    encoder = small.encoder.model_copy(update={"tasks": (minutes,)})
    network = Network.seeded(small.problem, encoder, 0)
    answers = {"minutes": 1.5 * predictions(network, encoder, small.raw_test)["minutes"]}
    found = parity(Session(answers), network, encoder, small.raw_test)  # type: ignore[arg-type]
    assert 0.01 < found.difference < 10


def test_long_lists_are_predicted_a_few_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single long list would pad all rows to its length; the predictions are those of all rows at once."""
    with_lists = prepared(tmp_path, lists.document(), lists.table(300))
    encoder, rows = with_lists.encoder, with_lists.raw_test
    network = Network.seeded(with_lists.problem, encoder, 0)
    same = predictions(network, encoder, rows)
    cells: list[int] = []
    network.register_forward_pre_hook(
        lambda _, inputs: cells.append(max(x.numel() for name, x in inputs[0].items() if encoder.blocks[name].ragged))
    )
    monkeypatch.setattr("mtl_core.ragged.MAX_CELLS", 100)
    monkeypatch.setattr("mtl_core.export.parity.run_graph", lambda *_, **__: same)
    found = parity(Session(same), network, encoder, rows)  # type: ignore[arg-type]
    assert found.difference < 1e-5
    assert len(cells) > 1
    assert max(cells) <= 100


def test_every_kind_comes_through_the_export(
    every_kind: Small, network_of_every_kind: Network, graph_of_every_kind: onnx.ModelProto
) -> None:
    network, encoder, raw = network_of_every_kind, every_kind.encoder, every_kind.raw_test
    session = open_graph(graph_of_every_kind.SerializeToString())
    for rows in (raw, raw.slice(0, 1), adversarial_rows(raw, encoder)):
        assert parity(session, network, encoder, rows).difference < 1e-5
    widths = {end.name: end.shape[1:] for end in session.get_outputs()}
    assert {name: width[0] for name, width in widths.items() if width} == {
        "band": 3,
        "grade": 4,
        "flags": 2,
        "span": 4,
        "single": 1,
        "group": 5,
    }


def test_adversarial_rows_of_few_columns_are_ordinary_but_for_one_value(every_kind: Small) -> None:
    """The rows are one array per column: a chunk per row and column would need gigabytes for thousands of columns."""
    encoder, raw = every_kind.encoder, every_kind.raw_test
    rows = adversarial_rows(raw, encoder)
    assert {column.num_chunks for column in rows.columns} == {1}
    start = 0
    for feature in encoder.features:
        values = feature.adversarial()
        own = rows[feature.column].slice(start, len(values))
        assert str(own.to_pylist()) == str(values.to_pylist())  # as text, since NaN does not equal itself
        for other in set(rows.column_names) - {feature.column}:
            assert rows[other].slice(start, len(values)).to_pylist() == raw[other].slice(start, len(values)).to_pylist()
        start += len(values)
    assert rows.num_rows == start
