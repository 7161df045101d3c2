"""Heads and inverse links of all kinds predict the same in ONNX and PyTorch, also for extreme logits."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from mtl_core.config import parse_problem
from mtl_core.export.graph import build_graph
from mtl_core.export.session import run_graph
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from mtl_core.training import train
from tests.small import Small, document, prepared, table

BANDS = {"target": "minutes", "edges": [-1, 1], "classes": ["low", "mid", "high"]}
TASKS: dict[str, dict[str, Any]] = {
    "weighted": {"kind": "binary", "target": "rare", "positive_weight": "balanced", "label_smoothing": 0.1},
    "classes": {"kind": "multiclass", **BANDS, "class_weights": {"high": 3}, "label_smoothing": 0.1},
    "steps": {"kind": "ordinal", **BANDS, "class_weights": "balanced"},
    "two_steps": {"kind": "ordinal", "target": "minutes", "edges": [0], "classes": ["low", "high"]},
    "spread": {"kind": "quantiles", "target": "minutes"},
    "one_level": {"kind": "quantiles", "target": "minutes", "levels": [0.75]},
    "minutes": {"kind": "regression", "target": "minutes"},
    "counts": {"kind": "regression", "target": "count", "loss": "poisson"},
    "when": {"kind": "regression", "target": "epoch"},
    "when_spread": {"kind": "quantiles", "target": "epoch"},
    "crowds": {"kind": "regression", "target": "crowd", "loss": "poisson", "weight": 1e-9},
}
FLOAT64 = ("when", "when_spread", "crowds")
"""The tasks whose numbers are too far from 0 for float32."""
GAIN = 100.0
"""Factor with which logits range from near 0 to far beyond those of a trained head."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Small:
    rows = table()
    minutes = rows["minutes"].to_numpy()
    count = np.floor(np.exp(np.nan_to_num(minutes) / 2))
    rows = rows.append_column("count", pa.array(count, mask=np.isnan(minutes)))
    rows = rows.append_column("epoch", pa.array(1_600_000_000 + minutes, from_pandas=True))
    rows = rows.append_column("crowd", pa.array(1e9 + 1e3 * count, mask=np.isnan(minutes)))
    return prepared(tmp_path_factory.mktemp("exported"), document() | {"tasks": TASKS}, rows)


def test_predictions_in_onnx_equal_those_in_pytorch(exported: Small) -> None:
    encoder, rows = exported.encoder, exported.raw_test
    network = Network.seeded(exported.problem, encoder, 0).eval()
    with torch.inference_mode():
        for head in network.heads:
            for parameter in head.last.parameters():
                parameter.mul_(GAIN)
        predictions = network.predict({name: torch.from_numpy(x) for name, x in encoder.batch(rows).items()})
    graph = open_graph(build_graph(network, encoder).SerializeToString())
    by_graph = run_graph(graph, rows, encoder.inputs, list(TASKS))
    for task in network.objectives:
        expected, actual = predictions[task.name].numpy(), by_graph[task.name]
        assert actual.shape == expected.shape
        assert actual.dtype == expected.dtype == (np.float64 if task.name in FLOAT64 else np.float32)
        assert task.signature().get("dtype", "float32") == expected.dtype
        assert np.isfinite(actual).all()
        if task.name in FLOAT64[:2]:
            actual, expected = ((numbers - task.codec.mean) / task.codec.scale for numbers in (actual, expected))
        np.testing.assert_allclose(actual, expected, rtol=2e-3, atol=1e-5, err_msg=task.name)
        form = task.signature()["form"]
        if form == "class_probabilities":
            assert (actual >= 0).all()
            np.testing.assert_allclose(actual.sum(axis=1), 1, atol=1e-5)
        if form == "quantiles":
            assert (np.diff(actual, axis=1) >= 0).all()


def test_every_kind_learns(exported: Small, tmp_path: Path) -> None:
    problem = parse_problem(document(epochs=4, stopping={"policy": "joint"}) | {"tasks": TASKS})
    _, outcome = train(problem, exported.encoder, exported.train, exported.validation, tmp_path)
    first, last = outcome.epochs[0].losses, outcome.epochs[-1].losses
    assert [task for task in TASKS if not 0 <= last[task] < first[task]] == []
