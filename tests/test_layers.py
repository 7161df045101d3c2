"""Layers: imports run one way, serving imports no other package, and mtl_core no orchestration."""

import os
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "flows",
        "mtl_core",
        "serving",
        include_external_packages=True,
        exclude_type_checking_imports=True,
        cache_dir=None,
    )


def test_import_contracts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", os.environ.get("COLUMNS", "120"))
    assert lint_imports(no_cache=True) == EXIT_STATUS_SUCCESS


def test_great_expectations_stays_in_validation(graph: grimp.ImportGraph) -> None:
    users = graph.find_modules_that_directly_import("great_expectations")
    assert users
    assert all(user.startswith("mtl_core.validation.") for user in users)


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        pytest.param("flows.cli", {"torch", "prefect", "dvc", "bentoml", "pyarrow", "rich"}, id="help is fast"),
        pytest.param("flows.stages.train", {"great_expectations", "prefect", "dvc", "bentoml"}),
        pytest.param("mtl_core.validation.profile", {"great_expectations"}, id="profiling is light"),
        pytest.param("flows.stages.validate", {"prefect", "dvc", "bentoml"}),
        pytest.param("flows.stages.check", {"great_expectations", "prefect", "dvc", "bentoml"}),
        pytest.param("serving.process", {"bentoml", "onnxruntime", "numpy"}, id="starting a service is light"),
        pytest.param(
            "flows.commands.serve", {"torch", "numpy", "pyarrow", "bentoml"}, id="starting the command is light"
        ),
        pytest.param("mtl_core.config", {"sklearn", "scipy", "pandas"}, id="loading a problem is light"),
    ],
)
def test_a_module_does_not_reach(graph: grimp.ImportGraph, module: str, forbidden: set[str]) -> None:
    assert module in graph.modules
    assert forbidden.isdisjoint(graph.find_upstream_modules(module))


@pytest.mark.parametrize("module", ["flows.stages.train", "flows.stages.validate", "mtl_core.config"])
def test_onnx_is_imported_only_where_a_graph_runs(module: str) -> None:
    """Texts run a graph in `prepare`; other stages must not pay for the import."""
    code = f"import sys, {module}; print(*{{'onnx', 'onnxruntime'}} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
