"""`mtl relate` on the tiny problem: what it prints, what it writes, what it shows again."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flows.cli import main
from flows.layout import Layout
from mtl_core.studies.files import read_study
from mtl_core.studies.relatedness import Relatedness
from tests.flows.conftest import Whole, forget_homes

TASKS = ("churned", "spend", "tier")


@pytest.fixture(scope="module")
def related(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the problem after its first retrain, related."""
    folder = tmp_path_factory.mktemp("related") / "tiny"
    shutil.copytree(whole.folder, folder, symlinks=True)
    forget_homes()
    assert run("relate", "--every", "1", "-C", str(folder)) == 0
    return folder


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def kept(folder: Path) -> Relatedness:
    found = read_study(Layout(folder).relatedness, Relatedness)
    assert found is not None
    return found


def test_it_writes_the_study_its_pictures_and_the_report_and_leaves_no_scratch(related: Path) -> None:
    found, layout = kept(related), Layout(related)
    assert found.tasks == TASKS
    assert found.made.command == "mtl relate --every 1"
    assert found.vectors is not None
    for name in ("affinity.svg", "task-vectors.svg"):
        ElementTree.fromstring((layout.studies / name).read_text(encoding="utf-8"))
    report = layout.report.read_text(encoding="utf-8")
    assert 'id="relatedness"' in report
    assert "of an earlier declaration" not in report
    assert not (layout.state / "studies" / "relate").exists()


def test_a_report_of_an_earlier_declaration_is_left_as_it_is(
    whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(whole.folder, folder, symlinks=True)
    params, report = folder / "params.yaml", Layout(folder).report
    before = params.read_text(encoding="utf-8")
    params.write_text(before.replace("learning_rate: 0.02", "learning_rate: 0.01"), encoding="utf-8")
    assert params.read_text(encoding="utf-8") != before
    drawn = report.read_bytes()
    forget_homes()
    assert run("relate", "--every", "1", "--no-vectors", "-C", str(folder)) == 0
    assert "the report is out of date; run `mtl retrain`" in capsys.readouterr().out
    assert report.read_bytes() == drawn


def test_it_shows_what_is_kept(related: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("relate", "--show", "--networks", "2", "-C", str(related)) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert all(any(line.startswith(f"│ {task}") for line in lines) for task in TASKS)
    rows = [line.split("│")[1].strip() for line in lines if line.startswith("│") and "churned" in line]
    assert rows == ["churned", "1", "▶ 2", "3"]
    assert "written to studies/relatedness.json" in printed


def test_a_machine_gets_the_document(related: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("relate", "--show", "--json", "-C", str(related)) == 0
    assert Relatedness.model_validate(json.loads(capsys.readouterr().out)) == kept(related)


def test_more_networks_than_tasks_are_refused(related: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--show"], []):
        assert run("relate", *options, "--networks", "4", "-C", str(related)) == 2
        assert "must be at most 3" in capsys.readouterr().err


def test_again_without_vectors_there_is_no_map(related: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """After all others: it replaces what they look at."""
    Layout(related).report.unlink()  # and there is none to bring up to date
    assert run("relate", "--every", "2", "--no-vectors", "--json", "-C", str(related)) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["vectors"] is None
    assert document["made"]["command"] == "mtl relate --every 2 --no-vectors"
    assert not (Layout(related).studies / "task-vectors.svg").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: shared_bottom", "kind: single_task", "relating needs a trunk that shares something"),
        ("", "", "relatedness.json: must exist to be shown, found no file; run `mtl relate`"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    tiny_problem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    text = (tiny_problem / "params.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "params.yaml").write_text(text.replace(old, new) if old else text, encoding="utf-8")
    assert run("relate", *([] if old else ["--show"]), "-C", str(tmp_path)) in (2, 3)
    assert words in capsys.readouterr().err
