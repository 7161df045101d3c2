"""Clustering and multilabel tasks in the stages from prepare to check."""

import json
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.layout import Layout
from flows.stages import check, export, prepare
from flows.stages import train as train_stage
from mtl_core.data.encoder import Encoder
from mtl_core.errors import CheckFailed
from mtl_core.export.session import run_graph
from mtl_core.graphs.runtime import open_graph
from tests.training.test_unsupervised import params, rows


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The problem's folder after the stages from prepare to check."""
    folder = tmp_path_factory.mktemp("stages")
    layout = Layout(folder)
    (folder / "data").mkdir()
    pq.write_table(rows(), folder / "data" / "part.parquet")
    (folder / "params.yaml").write_text(json.dumps(params()))
    layout.validation.mkdir(parents=True)
    quarantined = pa.table({"part": pa.array([], pa.string()), "row": pa.array([], pa.int64())})
    pq.write_table(quarantined, layout.quarantine)
    for stage in (prepare, train_stage, export):
        stage.run(folder)
    with suppress(CheckFailed):  # after four epochs a gate may fail
        check.run(folder)
    return layout


def test_graph_and_network_agree(stages: Layout) -> None:
    checks = {entry["name"]: entry["value"] for entry in json.loads(stages.checks.read_text())["checks"]}
    assert checks["parity"] < 1e-5
    assert checks["parity on adversarial rows"] < 1e-5
    encoder, raw = Encoder.load(stages.encoder), pq.read_table(stages.encoded / "test.parquet")
    names = [codec.name for codec in encoder.tasks]
    predictions = run_graph(open_graph(stages.graph.read_bytes()), raw, encoder.inputs, names)
    assert {name: values.shape[1:] for name, values in predictions.items()} == {
        "late": (),
        "genres": (3,),
        "cells": (2,),
        "group": (4,),
        "free": (5,),
    }
    for name in ("group", "free"):
        np.testing.assert_allclose(predictions[name].sum(axis=1), 1, rtol=1e-5)
    assert ((predictions["genres"] > 0) & (predictions["genres"] < 1)).all()


def test_stages_write_predictions_signature_and_evaluation_of_every_task(stages: Layout) -> None:
    table = pq.read_table(stages.predictions)
    widths = {field.name: getattr(field.type, "list_size", 0) for field in table.schema}
    labels = {"late": 0, "genres": 3, "cells": 2, "group": 0, "free": 0}
    predictions = {"late": 0, "genres": 3, "cells": 2, "group": 4, "free": 5}
    assert {name: widths[f"label/{name}"] for name in labels} == labels
    assert {name: widths[f"prediction/{name}"] for name in predictions} == predictions
    raw = pq.read_table(stages.encoded / "test.parquet")
    assert table["label/cells"].to_pylist() == [
        [-1 if label is None else int(label) for label in row]
        for row in zip(raw["drama"].to_pylist(), raw["war"].to_pylist(), strict=True)
    ]
    outputs = {output["name"]: output for output in json.loads(stages.signature.read_text())["outputs"]}
    assert outputs["cells"]["labels"] == ["drama", "war"]
    assert (outputs["free"]["form"], outputs["free"]["clusters"]) == ("cluster_probabilities", 5)
    evaluated = json.loads(stages.evaluation.read_text())
    assert evaluated["free"]["nmi"]["value"] is None
    assert evaluated["group"]["nmi"]["value"] > evaluated["group"]["nmi"]["baseline"] == 0
