"""A graph is checked with the options with which it is served: `export` and `serving` know nothing of each other."""

import pytest
from onnxruntime import SessionOptions

from mtl_core.export.session import open_graph
from serving.model import _options

ENTRIES = ("session.intra_op.allow_spinning", "session.inter_op.allow_spinning")
FIELDS = ("intra_op_num_threads", "inter_op_num_threads", "graph_optimization_level", "execution_mode")


@pytest.fixture(scope="module")
def checked(graph: bytes) -> SessionOptions:
    return open_graph(graph).get_session_options()


@pytest.mark.parametrize("name", [*FIELDS, *ENTRIES])
def test_checked_as_served(checked: SessionOptions, name: str) -> None:
    both = [
        options.get_session_config_entry(name) if name in ENTRIES else getattr(options, name)
        for options in (checked, _options())
    ]
    assert both[0] == both[1]
