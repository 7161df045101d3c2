"""A graph is checked with the options with which it is served: `export` and `serving` know nothing of each other."""

import pytest
from onnxruntime import SessionOptions

from mtl_core.export.graph import build_graph
from mtl_core.export.session import open_graph
from mtl_core.model import Network
from serving.model import _options
from tests.small import Small

ENTRIES = ("session.intra_op.allow_spinning", "session.inter_op.allow_spinning")
FIELDS = ("intra_op_num_threads", "inter_op_num_threads", "graph_optimization_level", "execution_mode")


@pytest.fixture(scope="module")
def checked(small: Small) -> SessionOptions:
    network = Network.seeded(small.problem, small.encoder, 0)
    return open_graph(build_graph(network, small.encoder).SerializeToString()).get_session_options()


@pytest.mark.parametrize("name", [*FIELDS, *ENTRIES])
def test_checked_as_served(checked: SessionOptions, name: str) -> None:
    both = [
        options.get_session_config_entry(name) if name in ENTRIES else getattr(options, name)
        for options in (checked, _options())
    ]
    assert both[0] == both[1]
