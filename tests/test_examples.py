"""Every folder in examples/ is a problem with the graph of a new problem and a suite.

Its data are pinned and have a fetch_data.py, unless their licence forbids to redistribute them. If the data have been
fetched, they have the declared columns.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.draft.folder import STUDIES
from flows.pipeline.graph import GRAPH
from flows.pipeline.pin import FETCH, PIN
from mtl_core.config import PARAMS, load_problem
from mtl_core.data.column_types import column_types

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path.parent for path in (ROOT / "examples").glob(f"*/{PARAMS}"))

LICENSED = ("news",)
"""Problems whose data may not be redistributed: users place them."""
FREE = [folder for folder in FOLDERS if folder.name not in LICENSED]

every = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
free = pytest.mark.parametrize("folder", FREE, ids=lambda folder: folder.name)


def pinned(folder: Path) -> dict[str, Any]:
    pin = YAML(typ="safe", pure=True).load((folder / PIN).read_text(encoding="utf-8"))
    assert isinstance(pin, dict)
    return pin


@every
def test_the_problem_is_named_after_its_folder(folder: Path) -> None:
    assert load_problem(folder).name == folder.name


@free
def test_the_data_are_pinned(folder: Path) -> None:
    problem, pin = load_problem(folder), pinned(folder)
    (out,) = pin["outs"]
    assert problem.data.path in {f"{out['path']}/{name}" for name in pin["meta"]["files"]}
    assert out["nfiles"] == len(pin["meta"]["files"])


@every
def test_the_graph_and_the_studies_folder_are_those_of_a_new_problem(folder: Path) -> None:
    draft = ROOT / "flows" / "draft"
    assert (folder / GRAPH).read_bytes() == (draft / "graph.yaml").read_bytes()
    assert (folder / STUDIES).read_bytes() == (draft / "studies.md").read_bytes()


@every
def test_artifacts_are_ignored_and_expectations_exist(folder: Path) -> None:
    ignored = (folder / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert set(ignored) >= {"/artifacts/", "/.trunkline/", "/data/"}
    assert (folder / "gx" / "expectations" / f"{folder.name}.json").is_file()
    assert (folder / ".dvc" / "config").is_file(), (
        "it must be a separate DVC repository, so that no run of the flights records it"
    )


@free
def test_the_fetch_script_compiles_and_pins_its_source(folder: Path) -> None:
    script = (folder / FETCH).read_text(encoding="utf-8")
    compile(script, FETCH, "exec")
    (source,) = (line for line in script.splitlines() if line.startswith("SOURCE = "))
    assert re.search(r"==|@[0-9a-f]{40}", source), "a version of a package, or a commit of a repository"


@every
def test_the_readme_names_the_commands(folder: Path) -> None:
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for command in ("check", "retrain") if folder.name in LICENSED else ("data", "check", "retrain"):
        assert f"mtl {command} -C examples/{folder.name}" in readme


@every
def test_the_data_have_the_declared_columns(folder: Path) -> None:
    problem = load_problem(folder)
    if not (folder / problem.data.path).exists():
        pytest.skip(f"the data are not there; see examples/{folder.name}/README.md")
    types = column_types(folder, problem)
    assert set(types) == {*problem.feature_columns, *problem.targets}
