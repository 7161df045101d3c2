"""Networks and graphs of the small problem and of the problem with every kind of task; the problem with texts."""

import onnx
import pytest
import torch

from mtl_core.export.graph import build_graph
from mtl_core.model import Network
from tests.every_kind import every_kind
from tests.small import Small, small
from tests.tagging import tagged

__all__ = ["every_kind", "small", "tagged"]


@pytest.fixture(scope="session")
def network(small: Small) -> Network:
    return Network.seeded(small.problem, small.encoder, 0)


@pytest.fixture(scope="session")
def graph(small: Small, network: Network) -> bytes:
    return build_graph(network, small.encoder).SerializeToString(deterministic=True)


@pytest.fixture(scope="session")
def network_of_every_kind(every_kind: Small) -> Network:
    """Calibrated and with thresholds, so that graphs have both."""
    network = Network.seeded(every_kind.problem, every_kind.encoder, 0)
    for task, calibration in zip(network.tasks, network.calibration, strict=True):
        if calibration.outputs:
            scale = torch.arange(1.0, calibration.outputs + 1) if task in ("band", "flags") else torch.ones(1)
            calibration.set(0.5 * scale.expand(calibration.outputs), 0.25 * scale.expand(calibration.outputs))
    network.decisions[network.tasks.index("flags")].set((0.4, 0.6))
    return network


@pytest.fixture(scope="session")
def graph_of_every_kind(every_kind: Small, network_of_every_kind: Network) -> onnx.ModelProto:
    """Tests must not change it."""
    return build_graph(network_of_every_kind, every_kind.encoder)
