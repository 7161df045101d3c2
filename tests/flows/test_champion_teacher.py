"""A champion as the teacher in the retrain flow: which stages run, what is recorded, and when the teacher changes."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows.layout import Layout
from flows.retrain.flow import run_retrain
from flows.retrain.result import RetrainResult
from mtl_core.teacher_files import TeacherRecord, read_teacher
from serving.store import Store
from tests.flows.conftest import Whole, copy_of, forget_homes, replace_text

TEACHERS = "teachers: {churned: {kind: champion}, spend: {kind: champion, when: if_worse}}"


def ran(result: RetrainResult) -> list[str]:
    return [stage.name for stage in result.stages if stage.ran]


def teach(folder: Path) -> None:
    replace_text(folder, "  seed: 0\n", f"  seed: 0\n  {TEACHERS}\n")


@pytest.fixture(scope="module")
def taught(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RetrainResult]:
    """The tiny problem after a retrain in which its champion taught; the comparison cannot refuse the result."""
    folder = copy_of(whole.folder, tmp_path_factory.mktemp("taught"))
    teach(folder)
    replace_text(folder, "gates: {}", "gates: {worse_than_champion: null}")
    forget_homes()
    return folder, run_retrain(folder)


def test_the_champion_of_that_time_teaches_and_the_record_names_it(
    whole: Whole, taught: tuple[Path, RetrainResult]
) -> None:
    folder, result = taught
    assert ran(result) == ["train", "export", "check", "report"]
    assert (result.promoted, result.version != whole.first.version) == (True, True)
    layout = Layout(folder)
    assert read_teacher(layout.teacher) == TeacherRecord(champion=whole.first.version)
    model = Store(layout.state / "bentoml").path(whole.first.version)
    for name in ("model.onnx", "signature.json"):
        assert (layout.teacher / name).read_bytes() == (model / name).read_bytes()
    lessons = json.loads(layout.history.read_text(encoding="utf-8"))["champion_teacher"]
    assert (lessons["champion"], lessons["taught"], list(lessons["untaught"])) == (
        whole.first.version,
        ["churned"],
        ["spend"],
    )


def test_its_files_are_a_tracked_input_of_the_training(taught: tuple[Path, RetrainResult]) -> None:
    folder, _ = taught
    stages = YAML(typ="safe", pure=True).load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    entry = {out["path"]: out for out in stages["digests"]["outs"]}["artifacts/teacher"]
    assert {dep["path"]: dep for dep in stages["train"]["deps"]}["artifacts/teacher"]["md5"] == entry["md5"]
    assert entry["nfiles"] == 3
    assert (folder / ".dvc" / "cache" / "files" / "md5" / entry["md5"][:2] / entry["md5"][2:]).exists()


def test_a_promotion_does_not_train_again_on_unchanged_data(taught: tuple[Path, RetrainResult]) -> None:
    folder, result = taught
    again = run_retrain(folder)
    assert (ran(again), again.version, again.promoted) == ([], result.version, False)
