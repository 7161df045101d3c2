"""The piecewise-linear encoding that the network computes: its equation, what it never does, and its exported form."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.data.encoder import Encoder
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import hostile_rows, parity
from mtl_core.export.session import open_graph
from mtl_core.features.categorical import FittedCategorical
from mtl_core.features.numeric import NARROWEST, FittedNumeric
from mtl_core.model import Network
from mtl_core.model.inputs import InputLayer
from mtl_core.model.pieces import Pieces
from tests.small import Small
from tests.strategies import patient

ENDS = (-1.5, -0.25, 0.0, 2.0)


def numeric(name: str, knots: tuple[float, ...], *, flag: bool = False) -> FittedNumeric:
    return FittedNumeric(
        name=name,
        column=name,
        type="number",
        transform="none",
        mean=0.0,
        deviation=1.0,
        low=-9.0,
        high=9.0,
        flag_missing=flag,
        knots=knots,
    )


def encoder_of(small: Small, *features: FittedNumeric | FittedCategorical) -> Encoder:
    return Encoder(features=features, tasks=small.encoder.tasks)


def encoded(knots: tuple[float, ...], values: NDArray[np.float64], small: Small) -> NDArray[np.float32]:
    pieces = Pieces(encoder_of(small, numeric("x", knots)))
    return np.asarray(pieces(torch.tensor(values, dtype=torch.float32)[:, None]))


def test_the_columns_of_the_floats_block_with_knots(small: Small) -> None:
    """A flag is a column too; a feature without knots and a categorical one are passed over."""
    features = (
        numeric("a", (), flag=True),
        numeric("b", ENDS, flag=True),
        *small.encoder.categorical,
        numeric("c", ENDS[:3]),
        numeric("d", ()),
        numeric("e", ENDS[1:], flag=True),
    )
    encoder = encoder_of(small, *features)
    assert encoder.knots == {2: ENDS, 4: ENDS[:3], 6: ENDS[1:]}
    table = pa.table({"a": [1.0], "b": [2.0], "colour": ["red"], "c": [3.0], "d": [4.0], "e": [5.0]})
    seen = encoder.inputs(table)["floats"][0]
    assert [seen[column] for column in encoder.knots] == [2, 3, 5], "they are where the block has those numbers"
    assert Pieces(encoder).column.tolist() == [2] * 3 + [4] * 2 + [6] * 2


def test_golden_values(small: Small) -> None:
    values = np.array([-9, -1.5, -0.875, -0.25, -0.125, 0, 0.5, 2, 9])
    assert encoded(ENDS, values, small).tolist() == [
        [0, 0, 0],
        [0, 0, 0],
        [0.5, 0, 0],
        [1, 0, 0],
        [1, 0.5, 0],
        [1, 1, 0],
        [1, 1, 0.25],
        [1, 1, 1],
        [1, 1, 1],
    ]


knots_of = st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=20, unique=True).map(
    lambda values: tuple(np.sort(values).tolist())
)


@given(knots=knots_of, values=st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=20))
@patient
def test_equation_1(small: Small, knots: tuple[float, ...], values: list[float]) -> None:
    """0 before a piece, 1 after it, and linear within, on both sides of every knot."""
    apart = (knots[0], *(high for low, high in pairwise(knots) if high - low > NARROWEST))
    around = [np.nextafter(np.float32(knot), np.float32(side)) for knot in apart for side in (-np.inf, np.inf)]
    column = np.unique(np.array([*values, *apart, *around], dtype=np.float32)).astype(np.float64)
    found = encoded(apart, column, small)
    assert found.shape == (len(column), len(apart) - 1)
    for piece, (low, high) in zip(found.T, pairwise(apart), strict=True):
        assert (piece[column <= low] == 0).all()
        np.testing.assert_allclose(piece, np.interp(column, [low, high], [0, 1]), rtol=1e-5, atol=1e-6)
        assert (np.diff(piece) >= 0).all()
        assert piece.max() <= 1
        # At its very end the last bit may be missing; from the next number but some on nothing is.
        assert (piece[column > high + 1e-5 * (high - low) + 1e-9] == 1).all()
    together = found.astype(np.float64).sum(axis=1)
    assert (np.diff(together) >= 0).all(), "none falls, so their sum says the order of the numbers"


def test_of_nothing_there_is_nothing(small: Small) -> None:
    pieces = Pieces(encoder_of(small, numeric("x", ()), *small.encoder.categorical))
    assert pieces.width == 0
    assert pieces(torch.zeros(3, 1)).shape == (3, 0)
    assert Pieces(encoder_of(small, *small.encoder.categorical)).width == 0


def test_an_encoder_written_before_there_were_pieces_has_none(small: Small, tmp_path: Path) -> None:
    small.encoder.save(tmp_path / "encoder.json")
    written = json.loads((tmp_path / "encoder.json").read_text(encoding="utf-8"))
    for feature in written["features"]:
        feature.pop("knots", None)
    (tmp_path / "encoder.json").write_text(json.dumps(written), encoding="utf-8")
    old = Encoder.load(tmp_path / "encoder.json")
    assert (len(small.encoder.knots), old.knots) == (2, {})
    layer = InputLayer(old, 4)
    assert (layer.pieces.width, layer.width) == (0, 8)


def test_weights_say_nothing_of_them(small: Small) -> None:
    """The encoder does; what is learned is the table alone."""
    layer = InputLayer(small.encoder, 4)
    assert layer.pieces.width == sum(len(knots) - 1 for knots in small.encoder.knots.values()) > 16
    assert list(layer.state_dict()) == ["embedding.weight"]
    assert not list(layer.pieces.parameters())


def test_a_number_reaches_the_network_by_itself_and_by_its_pieces(small: Small) -> None:
    encoder = encoder_of(small, numeric("x", ENDS, flag=True))
    layer = InputLayer(encoder, 4)
    floats = torch.tensor(encoder.inputs(pa.table({"x": [0.5, None]}))["floats"])
    assert layer.width == 8
    assert layer({"floats": floats}).tolist() == [[0.5, 0, 1, 1, 0.25, 0, 0, 0], [0, 1, 1, 1, 0, 0, 0, 0]]


def test_the_exported_graph_agrees_also_on_hostile_rows(small: Small) -> None:
    """With weights that the pieces alone decide: all columns of the numbers and the embeddings are cut off."""
    network = Network.seeded(small.problem, small.encoder, 0)
    (layer,) = network.inputs
    assert isinstance(layer, InputLayer)
    start = len(small.encoder.categorical) * 4 + small.encoder.float_width
    first = next(parameter for name, parameter in network.trunk.named_parameters() if parameter.ndim == 2)
    with torch.no_grad():
        first[:, :start] = 0
        first[:, start:] *= 3
    assert first.shape[1] == layer.width
    session = open_graph(build_graph(network, small.encoder).SerializeToString())
    assert parity(session, network, small.encoder, small.raw_test).difference < 1e-5
    hostile = hostile_rows(small.raw_test, small.encoder)
    assert parity(session, network, small.encoder, hostile).difference < 1e-5
    names = [task.name for task in small.encoder.tasks]
    logits = network.eval()({name: torch.from_numpy(x) for name, x in small.encoder.inputs(small.raw_test).items()})
    assert all(logits[name].std() > 0.01 for name in names), "rows must differ for the law to say anything"
