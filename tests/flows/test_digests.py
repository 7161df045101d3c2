"""The digest of the code: kept where it is kept, made where only the graph names it."""

import json
from pathlib import Path

import pytest

from flows.code import CODE, code_digest, refresh_code, write_code
from flows.pipeline import GRAPH

NAMED = "stages:\n  train:\n    cmd: mtl stage train\n    params:\n      - trunkline.json:\n          - code\n"
UNNAMED = "# no trunkline.json here\nstages:\n  train:\n    cmd: mtl stage train\n    deps:\n      - mtl_core\n"


def test_an_old_digest_is_renewed(tmp_path: Path) -> None:
    (tmp_path / CODE).write_text('{"code": "old"}\n')
    refresh_code(tmp_path)
    assert json.loads((tmp_path / CODE).read_text()) == {"code": code_digest()}


def test_a_digest_that_holds_is_left_alone(tmp_path: Path) -> None:
    write_code(tmp_path)
    before = (tmp_path / CODE).stat()
    refresh_code(tmp_path)
    after = (tmp_path / CODE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_missing_digest_is_made_where_the_graph_names_it(tmp_path: Path) -> None:
    (tmp_path / GRAPH).write_text(NAMED)
    refresh_code(tmp_path)
    assert json.loads((tmp_path / CODE).read_text()) == {"code": code_digest()}


@pytest.mark.parametrize("graph", [None, UNNAMED], ids=["no graph", "a graph that does not name it"])
def test_no_digest_is_made_where_nothing_needs_one(tmp_path: Path, graph: str | None) -> None:
    if graph is not None:
        (tmp_path / GRAPH).write_text(graph)
    refresh_code(tmp_path)
    assert not (tmp_path / CODE).exists()
