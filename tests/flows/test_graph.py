"""`dvc.yaml`: the same text for every problem, the order of the stages, and the digests of their code."""

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
    return YAML(typ="safe", pure=True).load(graph_text())["stages"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_problem_has_the_same_graph(folder: Path) -> None:
    assert (folder / GRAPH).read_text(encoding="utf-8") == graph_text()


def test_mtl_init_prints_the_graph(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["init", "--graph"])
    assert ended.value.code == 0
    assert capfd.readouterr().out == graph_text()


def test_stages_run_in_the_order_of_the_pipeline(stages: dict[str, Any], tools: None) -> None:
    assert stage_names(ROOT) == STAGES == tuple(stages)


def test_every_stage_depends_on_its_own_code_and_the_stage_digests_always_runs(stages: dict[str, Any]) -> None:
    assert stages.pop(DIGESTS)["always_changed"]
    for name, stage in stages.items():
        digests = next(param["artifacts/digests.json"] for param in stage["params"] if isinstance(param, dict))
        assert digests[0] == f"code.{name}"
        reads_labels = name in ("validate", "prepare")
        assert ("labels" in digests, "tasks" in stage["params"]) == (reads_labels, not reads_labels)


@pytest.mark.parametrize(
    "section", ["data", "split", "features", "tasks", "model", "training", "export", "gates", "name"]
)
def test_every_section_of_params_is_a_dependency_of_a_stage(stages: dict[str, Any], section: str) -> None:
    assert any(section in stage.get("params", []) for stage in stages.values())


def test_every_output_is_in_artifacts_and_has_one_stage(stages: dict[str, Any]) -> None:
    outputs = [
        next(iter(out)) if isinstance(out, dict) else out
        for stage in stages.values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    ]
    assert all(output.startswith("artifacts/") for output in outputs)
    assert len(set(outputs)) == len(outputs)


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


INVALID = {
    "empty": ("", "found no digests, validate, "),
    "a list": ("[1]", "found no digests, validate, "),
    "a missing stage": (graph_text().replace("  export:\n", "  exported:\n"), "found no export;"),
    "invalid YAML": ("stages: [", "must be YAML"),
}


@pytest.mark.parametrize(("text", "words"), INVALID.values(), ids=INVALID)
def test_a_graph_without_every_stage_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / GRAPH).write_text(text, encoding="utf-8")
    with pytest.raises(ProblemError, match=rf"{tmp_path / GRAPH}: .*{words}"):
        check_graph(tmp_path)


@pytest.mark.parametrize("moment", ["2024-04-07", "2024-04-07T10:00:00+02:00"])
def test_params_may_have_a_date_without_quotes(tmp_path: Path, tools: None, moment: str) -> None:
    """DVC refuses a date, even in the folder of another problem."""
    from dvc.repo import Repo

    Repo.init(str(tmp_path), no_scm=True).close()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / GRAPH).write_text(graph_text())
        empty = "model: {}\ntraining: {}\nexport: {}\ngates: {}\n"
        (tmp_path / name / "params.yaml").write_text(f"split:\n  validation: {moment}\n{empty}")
    assert stage_names(tmp_path / "one") == STAGES
    assert not is_up_to_date(tmp_path / "other", "validate")


def test_a_missing_section_that_a_stage_depends_on_is_refused(tmp_path: Path) -> None:
    (tmp_path / GRAPH).write_text(graph_text())
    check_graph(tmp_path)  # without params.yaml the problem itself is missing
    (tmp_path / "params.yaml").write_text("name: a\nexport: {}\ngates: {}\ntraining: {}\n")
    with pytest.raises(ProblemError, match=r"found no model; to use the defaults, add `model: \{\}`"):
        check_graph(tmp_path)
