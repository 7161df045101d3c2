"""Parity of the exported graph and the network, for every trunk."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mtl_core.config import TrunkOptions
from mtl_core.export.added_task import REPRESENTATION, representation_graph
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import parity
from mtl_core.export.representation import head_inputs
from mtl_core.export.session import run_graph
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from tests.small import Small
from tests.trunks.cases import KINDS, TRUNKS, with_trunk

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and tracing them costs a third of these exports

EXPORTED = [
    "adatt-one-shared",
    "cgc-many",
    "cross_stitch",
    "message_passing",
    "mmoe",
    "ple",
    "shared_bottom",
    "single_task",
    "task_vectors",
]
"""A trunk of each kind, since an export takes seconds."""


def test_every_kind_of_trunk_is_exported() -> None:
    assert {TRUNKS[name].kind for name in EXPORTED} == set(KINDS)  # type: ignore[attr-defined]


def equal_columns(first: NDArray[Any], second: NDArray[Any]) -> bool:
    """True if each column of one is a column of the other: tensors that several heads read are found once."""
    close = np.abs(first[:, :, None] - second[:, None, :]).max(axis=0) < 1e-5  # (columns, columns)
    return bool(close.any(axis=1).all() and close.any(axis=0).all())


@pytest.mark.no_cover  # tests/export runs the same lines, and tracing torch's exporter costs half of its time
@pytest.mark.parametrize("name", EXPORTED)
def test_graph_and_network_agree(small: Small, name: str) -> None:
    """With two tasks, since a trunk does not depend on their kinds; tests/export covers these."""
    encoder = small.encoder.model_copy(update={"tasks": small.encoder.tasks[1:3]})
    network = Network.seeded(with_trunk(TRUNKS[name]), encoder, 0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    graph = build_graph(network, encoder)
    session = open_graph(graph.SerializeToString())
    for rows in (small.raw_test, small.raw_test.slice(0, 1), adversarial_rows(small.raw_test, encoder)):
        assert parity(session, network, encoder, rows).difference < 1e-5
    # `mtl add-task` finds what the heads read by the names in the graph.
    found = run_graph(
        open_graph(representation_graph(graph, head_inputs(graph.graph, range(2)))),
        *(small.raw_test, encoder.inputs, [REPRESENTATION]),
    )[REPRESENTATION]
    batch = {name: torch.from_numpy(block) for name, block in encoder.batch(small.raw_test).items()}
    with torch.inference_mode():
        expected = torch.cat(network.represent(batch), dim=1).numpy()
    assert equal_columns(found, expected)


def test_parsed_options_equal_the_declared_ones() -> None:
    for options in TRUNKS.values():
        trunk: TrunkOptions = with_trunk(options).model.trunk
        assert trunk == options
        assert type(trunk) is type(options)
