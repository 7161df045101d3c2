"""A champion as the teacher in the retrain flow: which stages run, what is recorded, and when the teacher changes."""

import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows.layout import Layout
from flows.pipeline.graph import check_graph, graph_text
from flows.retrain.compare import ChampionComparison
from flows.retrain.flow import run_retrain
from flows.retrain.result import RetrainResult
from flows.retrain.teacher import record_challenger, renew_teacher
from flows.studies.common import encoded_problem
from mtl_core.errors import ProblemError, ToolError, TrainingError
from mtl_core.evaluation import Difference
from mtl_core.teacher_files import TeacherRecord, read_teacher
from serving.store import Store
from tests.flows.conftest import Whole, copy_of, forget_homes, mtl, replace_text

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
    model = Store(layout.store).path(whole.first.version)
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
    assert read_teacher(Layout(folder).teacher).champion != result.version


def test_a_version_that_a_champion_taught_is_reproduced_to_the_byte(
    taught: tuple[Path, RetrainResult], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, result = copy_of(taught[0], tmp_path), taught[1]
    shutil.rmtree(folder / "artifacts")
    shutil.rmtree(folder / ".dvc" / "cache")  # only the store has the champion of that time
    assert mtl(folder, "reproduce", result.version, "--json") == 0
    assert json.loads(capfd.readouterr().out)["identical"] is True


def test_a_champion_that_nothing_has_any_more_is_named_as_missing(
    whole: Whole, taught: tuple[Path, RetrainResult], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, result = copy_of(taught[0], tmp_path), taught[1]
    shutil.rmtree(Store(Layout(folder).state / "bentoml").path(whole.first.version))
    shutil.rmtree(folder / ".dvc" / "cache")
    assert mtl(folder, "reproduce", result.version) == TrainingError.exit_code
    error = capfd.readouterr().err
    assert f"{result.version} cannot be reproduced here, found 1 missing:" in error
    assert "champion teacher: artifacts/teacher with the hash" in error
    assert "copy the store or the cache" in error


def test_studies_name_the_tasks_that_the_champion_does_not_teach_in_them(
    taught: tuple[Path, RetrainResult], capfd: pytest.CaptureFixture[str]
) -> None:
    encoded_problem(taught[0])
    assert "studies train without the champion, the declared teacher of churned, spend" in capfd.readouterr().err


def difference(task: str, low: float, high: float) -> Difference:
    return Difference(
        task=task, metric="rmse", reference=1.0, candidate=1.0, difference=low, low=low, high=high, undefined=""
    )


def test_a_task_with_if_worse_is_taught_after_a_challenger_that_was_significantly_worse(copied: Path) -> None:
    """Whatever the margin of the gate. Other tasks, and those that were not significantly worse, are not listed."""
    teach(copied)
    store = Store(Layout(copied).store)
    worse = (difference("churned", -2, -1), difference("spend", -2, -1), difference("tier", -2, 1))
    record_challenger(store, "tiny", "tiny:b", ChampionComparison(champion="tiny:a", differences=worse))
    renew_teacher(copied)
    assert read_teacher(Layout(copied).teacher).worse == ("spend",)
    record_challenger(store, "tiny", "tiny:c", ChampionComparison(champion="tiny:a", differences=worse[2:]))
    (Layout(copied).teacher / "teacher.json").write_text("damaged")
    renew_teacher(copied)
    record = read_teacher(Layout(copied).teacher)
    assert (record.champion, record.worse) == (store.champion("tiny"), ())


def test_a_damaged_champion_is_refused_before_the_training(copied: Path) -> None:
    teach(copied)
    store = Store(Layout(copied).store)
    champion = store.champion("tiny")
    assert champion is not None
    (store.path(champion) / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(ToolError, match=r"training\.teachers: champion tiny:\w+ must have intact files to teach"):
        renew_teacher(copied)


def test_a_problem_that_declares_no_champion_keeps_an_empty_record(whole: Whole) -> None:
    folder = Layout(whole.folder).teacher
    renew_teacher(whole.folder)
    assert read_teacher(folder) == TeacherRecord()
    assert [path.name for path in folder.iterdir()] == ["teacher.json"]
    assert "champion_teacher" not in json.loads(Layout(whole.folder).history.read_text(encoding="utf-8"))


def test_a_graph_without_the_dependency_is_refused_where_a_champion_teaches(tmp_path: Path) -> None:
    text = graph_text()
    assert text.count("      - artifacts/teacher\n") == 1
    (tmp_path / "dvc.yaml").write_text(text.replace("      - artifacts/teacher\n", ""))
    sections = "model: {}\nexport: {}\ngates: {}\n"
    (tmp_path / "params.yaml").write_text(f"{sections}training: {{}}\n")
    check_graph(tmp_path)
    (tmp_path / "params.yaml").write_text(f"{sections}training: {{{TEACHERS}}}\n")
    with pytest.raises(ProblemError, match=r"train must depend on artifacts/teacher .* `mtl init --graph >"):
        check_graph(tmp_path)
    (tmp_path / "dvc.yaml").write_text(text)
    check_graph(tmp_path)
