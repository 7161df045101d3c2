"""The piecewise-linear encoding: its equation, its invariants, and its exported form."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.config import Model
from mtl_core.data.encoder import Encoder
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import parity
from mtl_core.export.session import open_graph
from mtl_core.features.categorical import FittedCategorical
from mtl_core.features.numeric import MIN_BIN_WIDTH, FittedNumeric
from mtl_core.model import Network
from mtl_core.model.inputs import InputLayer
from mtl_core.nn.piecewise import PiecewiseLinear
from tests.small import Small
from tests.strategies import patient

ENDS = (-1.5, -0.25, 0.0, 2.0)


def numeric(name: str, edges: tuple[float, ...], *, flag: bool = False) -> FittedNumeric:
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
        bin_edges=edges,
    )


def encoder_of(small: Small, *features: FittedNumeric | FittedCategorical) -> Encoder:
    return Encoder(features=features, tasks=small.encoder.tasks, rows=1)


def module_of(*features: FittedNumeric) -> PiecewiseLinear:
    module = FittedNumeric.module(features, Model())
    assert isinstance(module, PiecewiseLinear)
    return module


def encoded(edges: tuple[float, ...], values: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(module_of(numeric("x", edges)).encode(torch.tensor(values, dtype=torch.float32)[:, None]))


def test_bins_stand_at_their_number() -> None:
    """A flag is a column too; a feature without bin edges is passed over."""
    features = (
        numeric("a", (), flag=True),
        numeric("b", ENDS, flag=True),
        numeric("c", ENDS[:3]),
        numeric("d", ()),
        numeric("e", ENDS[1:], flag=True),
    )
    columns = {name: pa.array([value]) for name, value in {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0}.items()}
    seen = FittedNumeric.encode_blocks(features, columns)["numeric"]
    assert np.asarray(seen)[0].tolist() == [1, 0, 2, 0, 3, 4, 5, 0]
    assert module_of(*features).column.tolist() == [2] * 3 + [4] * 2 + [6] * 2


def test_golden_values() -> None:
    values = np.array([-9, -1.5, -0.875, -0.25, -0.125, 0, 0.5, 2, 9])
    assert encoded(ENDS, values).tolist() == [
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
def test_equation_1(knots: tuple[float, ...], values: list[float]) -> None:
    """0 below a bin, 1 above it, and linear within, on both sides of every edge."""
    apart = (knots[0], *(high for low, high in pairwise(knots) if high - low > MIN_BIN_WIDTH))
    around = [np.nextafter(np.float32(knot), np.float32(side)) for knot in apart for side in (-np.inf, np.inf)]
    column = np.unique(np.array([*values, *apart, *around], dtype=np.float32)).astype(np.float64)
    found = encoded(apart, column)
    assert found.shape == (len(column), len(apart) - 1)
    for of_bin, (low, high) in zip(found.T, pairwise(apart), strict=True):
        assert (of_bin[column <= low] == 0).all()
        np.testing.assert_allclose(of_bin, np.interp(column, [low, high], [0, 1]), rtol=1e-5, atol=1e-6)
        assert (np.diff(of_bin) >= 0).all()
        assert of_bin.max() <= 1
        # At its very end the last bit may be missing; from the next number but some on nothing is.
        assert (of_bin[column > high + 1e-5 * (high - low) + 1e-9] == 1).all()
    together = found.astype(np.float64).sum(axis=1)
    assert (np.diff(together) >= 0).all(), "none falls, so their sum says the order of the numbers"


def test_without_bin_edges_there_is_the_number_alone() -> None:
    module = module_of(numeric("x", ()))
    assert (module.width, module.bins) == (1, 0)
    (part,) = module({"numeric": torch.ones(3, 1)}).row
    assert part.tolist() == [[1]] * 3


def test_weights_hold_nothing_of_them(small: Small) -> None:
    """The encoder stores the edges; what is learned is the embeddings and the scales alone."""
    layer = InputLayer(small.encoder, Model(embedding=4))
    assert list(layer.state_dict()) == ["scale", "groups.categorical.embedding.weight"]
    assert not list(layer.groups["numeric"].parameters())


def test_a_number_reaches_the_network_by_itself_and_by_its_bins(small: Small) -> None:
    encoder = encoder_of(small, numeric("x", ENDS, flag=True))
    layer = InputLayer(encoder, Model(embedding=4))
    numbers = torch.tensor(encoder.batch(pa.table({"x": [0.5, None]}))["numeric"])
    assert layer.width == 8
    assert layer({"numeric": numbers}).row.tolist() == [[0.5, 0, 1, 1, 0.25, 0, 0, 0], [0, 1, 1, 1, 0, 0, 0, 0]]


def test_the_exported_graph_agrees_also_on_adversarial_rows(small: Small) -> None:
    """With weights that the bins alone decide: all columns of the numbers and the embeddings are cut off."""
    network = Network.seeded(small.problem, small.encoder, 0)
    (layer,) = network.inputs
    assert isinstance(layer, InputLayer)
    numbers = small.encoder.blocks["numeric"].shape[0]
    start = len(small.encoder.groups["categorical"]) * 4 + numbers
    first = next(parameter for name, parameter in network.trunk.named_parameters() if parameter.ndim == 2)
    with torch.no_grad():
        first[:, :start] = 0
        first[:, start:] *= 3
    assert first.shape[1] == layer.width
    session = open_graph(build_graph(network, small.encoder).SerializeToString())
    assert parity(session, network, small.encoder, small.raw_test).difference < 1e-5
    adversarial = adversarial_rows(small.raw_test, small.encoder)
    assert parity(session, network, small.encoder, adversarial).difference < 1e-5
    names = [task.name for task in small.encoder.tasks]
    logits = network.eval()({name: torch.from_numpy(x) for name, x in small.encoder.batch(small.raw_test).items()})
    assert all(logits[name].std() > 0.01 for name in names), "rows must differ for the law to say anything"


def test_many_numbers_share_the_bins_of_the_model() -> None:
    features = [numeric(name, ENDS) for name in "abc"]  # of three bins each
    widths = [FittedNumeric.module(features, Model(bins=bins)).width for bins in (256, 8, 5, 0)]
    assert widths == [3 + 9, 3 + 6, 3, 3]
