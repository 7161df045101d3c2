"""Every trunk says the same as a graph."""

import pytest
import torch

from mtl_core.config import TrunkOptions
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import adversarial_rows, parity
from mtl_core.export.session import open_graph
from mtl_core.model import Network
from tests.small import Small
from tests.trunks.every import ALL
from tests.trunks.problems import with_trunk

# One of each kind; an export takes seconds. tests/export has the shared bottom.
EXPORTED = ["adatt-one-shared", "cgc-many", "cross_stitch", "message_passing", "mmoe", "ple", "single_task"]


@pytest.mark.parametrize("kind", [*EXPORTED, "task_vectors"])
def test_graph_and_network_agree(small: Small, kind: str) -> None:
    problem = with_trunk(ALL[kind])
    network = Network.seeded(problem, small.encoder, 0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    session = open_graph(build_graph(network, small.encoder).SerializeToString())
    for rows in (1, small.raw_test.num_rows):
        assert parity(session, network, small.encoder, small.raw_test.slice(0, rows)).difference < 1e-5
    assert parity(session, network, small.encoder, adversarial_rows(small.raw_test, small.encoder)).difference < 1e-5


def test_the_door_gives_back_what_was_declared() -> None:
    for options in ALL.values():
        trunk: TrunkOptions = with_trunk(options).model.trunk
        assert trunk == options
        assert type(trunk) is type(options)
