"""The piecewise-linear encoding: its equation, its columns, and its ONNX graph."""

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
from mtl_core.features.categorical import FittedCategorical
from mtl_core.features.numeric import MIN_BIN_WIDTH, FittedNumeric
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from mtl_core.model.inputs import InputLayer
from mtl_core.nn.piecewise import PiecewiseLinear
from tests.small import Small
from tests.strategies import patient

EDGES = (-1.5, -0.25, 0.0, 2.0)


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


def single_task_encoder(small: Small, *features: FittedNumeric | FittedCategorical) -> Encoder:
    return Encoder(features=features, tasks=small.encoder.tasks, rows=1)


def module_of(*features: FittedNumeric) -> PiecewiseLinear:
    module = FittedNumeric.module(features, Model())
    assert isinstance(module, PiecewiseLinear)
    return module


def encoded(edges: tuple[float, ...], values: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(module_of(numeric("x", edges)).encode(torch.tensor(values, dtype=torch.float32)[:, None]))


def test_bins_read_the_column_of_their_number() -> None:
    """A missing flag is a column too; a feature without bin edges has no bins."""
    features = (
        numeric("a", (), flag=True),
        numeric("b", EDGES, flag=True),
        numeric("c", EDGES[:3]),
        numeric("d", ()),
        numeric("e", EDGES[1:], flag=True),
    )
    columns = {name: pa.array([value]) for name, value in {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0}.items()}
    block = FittedNumeric.encode_blocks(features, columns)["numeric"]
    assert np.asarray(block)[0].tolist() == [1, 0, 2, 0, 3, 4, 5, 0]
    assert module_of(*features).column.tolist() == [2] * 3 + [4] * 2 + [6] * 2


def test_golden_values() -> None:
    values = np.array([-9, -1.5, -0.875, -0.25, -0.125, 0, 0.5, 2, 9])
    assert encoded(EDGES, values).tolist() == [
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


edge_tuples = st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=20, unique=True).map(
    lambda values: tuple(np.sort(values).tolist())
)


@given(candidates=edge_tuples, values=st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=20))
@patient
def test_equation_1(candidates: tuple[float, ...], values: list[float]) -> None:
    """0 below a bin, 1 above it, and linear within, on both sides of every edge."""
    edges = (candidates[0], *(high for low, high in pairwise(candidates) if high - low > MIN_BIN_WIDTH))
    neighbours = [np.nextafter(np.float32(edge), np.float32(side)) for edge in edges for side in (-np.inf, np.inf)]
    column = np.unique(np.array([*values, *edges, *neighbours], dtype=np.float32)).astype(np.float64)
    encoding = encoded(edges, column)
    assert encoding.shape == (len(column), len(edges) - 1)
    for bin_values, (low, high) in zip(encoding.T, pairwise(edges), strict=True):
        assert (bin_values[column <= low] == 0).all()
        np.testing.assert_allclose(bin_values, np.interp(column, [low, high], [0, 1]), rtol=1e-5, atol=1e-6)
        assert (np.diff(bin_values) >= 0).all()
        assert bin_values.max() <= 1
        # At the upper edge the last bit may be missing; slightly above it the value is exactly 1.
        assert (bin_values[column > high + 1e-5 * (high - low) + 1e-9] == 1).all()


def test_without_bin_edges_only_the_number_is_encoded() -> None:
    module = module_of(numeric("x", ()))
    assert (module.width, module.bins) == (1, 0)
    (part,) = module({"numeric": torch.ones(3, 1)}).row
    assert part.tolist() == [[1]] * 3


def test_bin_edges_are_not_stored_in_the_weights(small: Small) -> None:
    """The encoder stores the edges; the learned parameters are embeddings and scales."""
    layer = InputLayer(small.encoder, Model(embedding=4))
    assert list(layer.state_dict()) == ["scale", "groups.categorical.embedding.weight"]
    assert not list(layer.groups["numeric"].parameters())


def test_a_row_has_the_number_and_its_bins(small: Small) -> None:
    encoder = single_task_encoder(small, numeric("x", EDGES, flag=True))
    layer = InputLayer(encoder, Model(embedding=4))
    numbers = torch.tensor(encoder.batch(pa.table({"x": [0.5, None]}))["numeric"])
    assert layer.width == 8
    assert layer({"numeric": numbers}).row.tolist() == [[0.5, 0, 1, 1, 0.25, 0, 0, 0], [0, 1, 1, 1, 0, 0, 0, 0]]


def test_the_graph_encodes_bins_like_the_network_also_for_adversarial_rows(small: Small) -> None:
    """With weights of 0 for numbers and embeddings, so that only the bins determine the logits."""
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
    assert all(logits[name].std() > 0.01 for name in names), "the logits depend on the row"


def test_the_models_bins_are_shared_by_all_numbers() -> None:
    features = [numeric(name, EDGES) for name in "abc"]  # of three bins each
    widths = [FittedNumeric.module(features, Model(bins=bins)).width for bins in (256, 8, 5, 0)]
    assert widths == [3 + 9, 3 + 6, 3, 3]
