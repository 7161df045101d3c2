"""`dvc.yaml`: one text for every problem, stages in order, a digest of its code for each."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.cli import main
from flows.pipeline.graph import (
    DIGESTS,
    GRAPH,
    STAGES,
    bring_up_to_date,
    check_graph,
    graph_text,
    is_up_to_date,
    stage_names,
)
from mtl_core.errors import ProblemError

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT, *sorted(path.parent for path in (ROOT / "examples").glob(f"*/{GRAPH}")))


@pytest.fixture(scope="module")
def stages() -> dict[str, Any]:
    found = YAML(typ="safe", pure=True).load(graph_text())["stages"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_problem_has_the_same_graph(folder: Path) -> None:
    assert (folder / GRAPH).read_text(encoding="utf-8") == graph_text()


def test_mtl_init_prints_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["init", "--graph"])
    assert ended.value.code == 0
    assert capfd.readouterr().out == graph_text()


def test_stages_run_in_the_order_of_the_path(stages: dict[str, Any], tools: None) -> None:
    assert stage_names(ROOT) == STAGES == tuple(stages)


def test_every_stage_depends_on_its_own_code_and_digests_are_always_renewed(stages: dict[str, Any]) -> None:
    assert stages.pop(DIGESTS)["always_changed"]
    for name, stage in stages.items():
        digests = next(param["artifacts/digests.json"] for param in stage["params"] if isinstance(param, dict))
        assert digests[0] == f"code.{name}"
        reads_labels = name in ("validate", "prepare")
        assert ("labels" in digests, "tasks" in stage["params"]) == (reads_labels, not reads_labels)


@pytest.mark.parametrize(
    "section", ["data", "split", "features", "tasks", "model", "training", "export", "gates", "name"]
)
def test_every_section_of_params_runs_something(stages: dict[str, Any], section: str) -> None:
    assert any(section in stage.get("params", []) for stage in stages.values())


def test_every_output_lies_in_artifacts_and_has_one_owner(stages: dict[str, Any]) -> None:
    owned = [
        next(iter(out)) if isinstance(out, dict) else out
        for stage in stages.values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    ]
    assert all(out.startswith("artifacts/") for out in owned)
    assert len(set(owned)) == len(owned)


OLD = "stages:\n  train:\n    cmd: mtl stage train\n    params:\n      - trunkline.json:\n          - code\n"


def test_a_graph_of_an_earlier_version_is_refused_with_the_fix(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], tools: None
) -> None:
    check_graph(tmp_path)  # a stage can run without a graph
    (tmp_path / GRAPH).write_text(OLD)
    for run in (lambda: stage_names(tmp_path), lambda: bring_up_to_date(tmp_path, "train")):
        with pytest.raises(ProblemError, match="found trunkline"):
            run()
    for arguments in (["check"], ["stage", "train"]):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "-C", str(tmp_path)])
        assert ended.value.code == ProblemError.exit_code
        assert f"`mtl init --graph > {tmp_path / GRAPH}`" in capfd.readouterr().err
    (tmp_path / GRAPH).write_text(graph_text())
    check_graph(tmp_path)


LACKING = {
    "no document": ("", "found no digests, validate, "),
    "a list": ("[1]", "found no digests, validate, "),
    "a stage": (graph_text().replace("  export:\n", "  exported:\n"), "found no export;"),
    "no YAML": ("stages: [", "must be YAML"),
}


@pytest.mark.parametrize(("text", "found"), LACKING.values(), ids=LACKING)
def test_a_graph_that_would_leave_a_model_as_it_is_is_refused(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / GRAPH).write_text(text, encoding="utf-8")
    with pytest.raises(ProblemError) as caught:
        check_graph(tmp_path)
    assert f"{tmp_path / GRAPH}: " in str(caught.value)
    assert found in str(caught.value)


@pytest.mark.parametrize("moment", ["2024-04-07", "2024-04-07T10:00:00+02:00"])
def test_a_date_without_quotes_in_params(tmp_path: Path, tools: None, moment: str) -> None:
    """DVC itself takes no date, not even in the folder of another problem."""
    from dvc.repo import Repo

    Repo.init(str(tmp_path), no_scm=True).close()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / GRAPH).write_text(graph_text())
        empty = "model: {}\ntraining: {}\nexport: {}\ngates: {}\n"
        (tmp_path / name / "params.yaml").write_text(f"split:\n  validation: {moment}\n{empty}")
    assert stage_names(tmp_path / "one") == STAGES
    assert not is_up_to_date(tmp_path / "other", "validate")


def test_a_section_that_a_stage_depends_on_must_be_declared_though_empty(tmp_path: Path) -> None:
    (tmp_path / GRAPH).write_text(graph_text())
    check_graph(tmp_path)  # without params.yaml the problem itself is missing
    (tmp_path / "params.yaml").write_text("name: a\nexport: {}\ngates: {}\ntraining: {}\n")
    with pytest.raises(ProblemError, match=r"found no model; to use the defaults, add `model: \{\}`"):
        check_graph(tmp_path)
