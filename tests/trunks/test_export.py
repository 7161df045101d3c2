"""Parity of the exported graph and the network, for every trunk."""

import pytest
import torch

from mtl_core.config import TrunkOptions
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import parity
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from tests.small import Small
from tests.trunks.cases import KINDS, TRUNKS, with_trunk

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


@pytest.mark.no_cover  # tests/export runs the same lines, and tracing torch's exporter costs half of its time
@pytest.mark.parametrize("name", EXPORTED)
def test_graph_and_network_agree(small: Small, name: str) -> None:
    """With two tasks, since a trunk does not depend on their kinds; tests/export covers these."""
    encoder = small.encoder.model_copy(update={"tasks": small.encoder.tasks[1:3]})
    network = Network.seeded(with_trunk(TRUNKS[name]), encoder, 0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    session = open_graph(build_graph(network, encoder).SerializeToString())
    for rows in (small.raw_test, small.raw_test.slice(0, 1), adversarial_rows(small.raw_test, encoder)):
        assert parity(session, network, encoder, rows).difference < 1e-5


def test_parsed_options_equal_the_declared_ones() -> None:
    for options in TRUNKS.values():
        trunk: TrunkOptions = with_trunk(options).model.trunk
        assert trunk == options
        assert type(trunk) is type(options)
