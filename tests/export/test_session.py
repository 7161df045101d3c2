"""A graph is checked with the options with which it is served, though `export` and `serving` share no code."""

import pytest
from onnxruntime import SessionOptions

from mtl_core.graphs.runtime import open_graph
from serving.model import _options

ENTRIES = ("session.intra_op.allow_spinning", "session.inter_op.allow_spinning")
FIELDS = ("intra_op_num_threads", "inter_op_num_threads", "graph_optimization_level", "execution_mode")


@pytest.fixture(scope="module")
def checked(graph: bytes) -> SessionOptions:
    return open_graph(graph).get_session_options()


@pytest.mark.parametrize("name", [*FIELDS, *ENTRIES])
def test_export_and_service_have_the_same_session_options(checked: SessionOptions, name: str) -> None:
    values = [
        options.get_session_config_entry(name) if name in ENTRIES else getattr(options, name)
        for options in (checked, _options())
    ]
    assert values[0] == values[1]
