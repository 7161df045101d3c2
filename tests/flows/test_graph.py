"""`dvc.yaml`: it lists the code that each stage imports, and new problems get the same graph."""

import ast
from pathlib import Path
from typing import Any

import grimp
import pytest
from ruamel.yaml import YAML

from flows.commands.stage import STAGES
from flows.pipeline import stage_names

ROOT = Path(__file__).parents[2]
CODE = ("flows/", "mtl_core/")


def stages(path: Path) -> dict[str, Any]:
    found = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))["stages"]
    assert isinstance(found, dict)
    return found


def code_of(stage: dict[str, Any]) -> list[Path]:
    return [Path(dep) for dep in stage["deps"] if dep.startswith(CODE)]


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("flows", "mtl_core", cache_dir=None)


def imported_files(imports: grimp.ImportGraph, stage: str) -> set[Path]:
    """Every file whose code runs when the stage does; a package's __init__ only where it says more than a docstring."""
    modules = {f"flows.stages.{stage}"} | imports.find_upstream_modules(f"flows.stages.{stage}")
    modules |= {module.rsplit(".", depth)[0] for module in modules for depth in range(1, module.count(".") + 1)}
    files = set()
    for module in modules:
        path = ROOT / Path(*module.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        body = ast.parse(path.read_text(encoding="utf-8")).body
        if not all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body):
            files.add(path.relative_to(ROOT))
    return files


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_that_it_imports_and_on_no_other(imports: grimp.ImportGraph, stage: str) -> None:
    declared, needed = code_of(stages(ROOT / "dvc.yaml")[stage]), imported_files(imports, stage)
    undeclared = [str(file) for file in needed if not any(file.is_relative_to(dep) for dep in declared)]
    unused = [str(dep) for dep in declared if not any(file.is_relative_to(dep) for file in needed)]
    assert (sorted(undeclared), unused) == ([], [])


def test_stages_run_in_the_order_of_the_path(tools: None) -> None:
    assert stage_names(ROOT) == STAGES == tuple(stages(ROOT / "dvc.yaml"))


def test_a_new_problem_gets_the_same_graph() -> None:
    ours, theirs = stages(ROOT / "dvc.yaml"), stages(ROOT / "flows" / "draft" / "graph.yaml")
    for stage in ours.values():
        stage["deps"] = [dep for dep in stage["deps"] if not dep.startswith(CODE)]
        stage["params"].append({"trunkline.json": ["code"]})
    assert theirs == ours


@pytest.mark.parametrize(
    "section", ["data", "split", "features", "tasks", "model", "training", "export", "gates", "name"]
)
def test_every_section_of_params_runs_something(section: str) -> None:
    assert any(section in stage["params"] for stage in stages(ROOT / "dvc.yaml").values())


def test_every_output_lies_in_artifacts_and_has_one_owner() -> None:
    owned = [
        next(iter(out)) if isinstance(out, dict) else out
        for stage in stages(ROOT / "dvc.yaml").values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    ]
    assert all(out.startswith("artifacts/") for out in owned)
    assert len(set(owned)) == len(owned)
