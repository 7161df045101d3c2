"""Word vectors through all stages: `mtl check`, preparation, training, export."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from mtl_core.config import parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.errors import ProblemError
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import parity
from mtl_core.export.session import run_graph
from mtl_core.graphs.runtime import open_graph
from mtl_core.nn.text.words import PretrainedWords
from mtl_core.training import Progress, train
from mtl_core.validation.preflight import check_data
from mtl_core.validation.results import write_quarantine

CATS, DOGS = ("tiger", "lion", "lynx", "ocelot"), ("wolf", "fox", "jackal", "dingo")
VECTORS = {word: (side, 0.1 * index) for side, words in ((1, CATS), (-1, DOGS)) for index, word in enumerate(words)}
VECTORS |= {"Kitten": (1, 0.15), "Puppy": (-1, 0.15)}
"""The last two are in no row of the data."""


def document() -> dict[str, Any]:
    """The problem's params.yaml."""
    return {
        "name": "animals",
        "data": {"path": "data"},
        "split": {"by": "hash", "column": "row", "validation": 0.2, "test": 0.2},
        "features": {"text": {"kind": "text", "vectors": "data/vectors.txt"}},
        "tasks": {"cat": {"kind": "binary", "target": "cat", "metric": "auc"}},
        "model": {"members": 1, "text": {"kind": "conv", "width": 8, "embedding": 6, "dropout": 0.0}},
        "training": {"epochs": 6, "batch_size": 32, "learning_rate": 0.02, "threads": 1},
    }


def write_data(folder: Path) -> None:
    generator = np.random.default_rng(0)
    words = generator.choice(CATS + DOGS, 400)
    texts = [f"I saw a {word} {generator.integers(1_000)}" for word in words]
    (folder / "data").mkdir()
    pq.write_table(pa.table({"text": texts, "cat": [word in CATS for word in words]}), folder / "data" / "part.parquet")
    lines = [f"{word} {x} {y}" for word, (x, y) in VECTORS.items()]
    (folder / "data" / "vectors.txt").write_text("\n".join(lines), encoding="utf-8")
    write_quarantine(folder / "quarantine.parquet", ())


def test_words_without_a_training_row_are_predicted_by_their_vectors(tmp_path: Path) -> None:
    write_data(tmp_path)
    problem = parse_problem(document())
    prepare(tmp_path, problem, tmp_path / "quarantine.parquet", tmp_path / "encoded")
    encoder = Encoder.load(tmp_path / "encoded" / "encoder.json")
    splits = [EncodedSplit.open(tmp_path / "encoded" / name, encoder) for name in ("train", "validation")]
    network, _ = train(problem, encoder, *splits, tmp_path / "resume", Progress())

    (words,) = (module for module in network.modules() if isinstance(module, PretrainedWords))
    (feature,) = encoder.features
    stored = torch.from_numpy(feature.vectors.array[-2:]) * np.float32(0.1)  # type: ignore[union-attr]
    assert torch.equal(words.vectors[1:], stored), "training changes no vector of a word without a row"

    session = open_graph(build_graph(network, encoder).SerializeToString())
    rows = pa.table({"text": ["I saw a kitten 7", "I saw a puppy 7", "KITTEN, Puppy!", "I saw a xylophone", ""]})
    assert parity(session, network, encoder, rows).difference < 1e-5
    cat = run_graph(session, rows, encoder.inputs, ["cat"])["cat"]
    assert cat[0] > 0.8
    assert cat[1] < 0.2


def test_check_refuses_a_damaged_file(tmp_path: Path) -> None:
    write_data(tmp_path)
    path = tmp_path / "data" / "vectors.txt"
    path.write_text(path.read_text(encoding="utf-8").replace("lynx 1", "lynx one"), encoding="utf-8")
    with pytest.raises(ProblemError, match=r"features\.text\.vectors: .*vectors\.txt, line 3: must be a word and 2"):
        check_data(tmp_path, parse_problem(document()))
