"""`mtl relate` on the tiny problem: its output, its files, and its section in the report."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flows.layout import Layout
from mtl_core.studies.files import read_study
from mtl_core.studies.relatedness.record import Relatedness
from tests.flows.conftest import Whole, copy_of, mtl, replace_text

TASKS = ("churned", "spend", "tier")


@pytest.fixture(scope="module")
def related(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the retrained problem after `mtl relate`."""
    folder = copy_of(whole.folder, tmp_path_factory.mktemp("related"))
    assert mtl(folder, "relate", "--every", "1") == 0
    return folder


def stored(folder: Path) -> Relatedness:
    study = read_study(Layout(folder).relatedness, Relatedness)
    assert study is not None
    return study


def test_the_study_is_in_its_file_its_figures_and_the_report(related: Path) -> None:
    study, layout = stored(related), Layout(related)
    assert study.tasks == TASKS
    assert study.provenance.command == "mtl relate --every 1"
    assert study.vectors is not None
    for name in ("affinity.svg", "task-vectors.svg"):
        ElementTree.fromstring((layout.studies / name).read_text(encoding="utf-8"))
    report = layout.report.read_text(encoding="utf-8")
    assert 'id="relatedness"' in report
    assert "of an earlier declaration" not in report
    assert not (layout.state / "studies" / "relate").exists()


def test_an_outdated_report_is_not_updated(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Layout(copied).report.read_bytes()
    replace_text(copied, "learning_rate: 0.02", "learning_rate: 0.01")
    assert mtl(copied, "relate", "--every", "1", "--no-vectors") == 0
    assert "the report is out of date; run `mtl retrain`" in capsys.readouterr().out
    assert Layout(copied).report.read_bytes() == report


def test_show_prints_the_stored_study(related: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mtl(related, "relate", "--show", "--networks", "2") == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert all(any(line.startswith(f"│ {task}") for line in lines) for task in TASKS)
    rows = [line.split("│")[1].strip() for line in lines if line.startswith("│") and "churned" in line]
    assert rows == ["churned", "1", "▶ 2", "3"]
    assert "written to studies/relatedness.json" in printed
    assert mtl(related, "relate", "--show", "--json") == 0
    assert Relatedness.model_validate(json.loads(capsys.readouterr().out)) == stored(related)


def test_more_networks_than_tasks_are_refused(related: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--show"], []):
        assert mtl(related, "relate", *options, "--networks", "4") == 2
        assert "must be at most 3" in capsys.readouterr().err


def test_a_later_study_without_vectors_removes_the_map(related: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Runs last: it replaces the study of the other tests."""
    Layout(related).report.unlink()  # and there is none to update
    assert mtl(related, "relate", "--every", "2", "--no-vectors", "--json") == 0
    document = json.loads(capfd.readouterr().out)
    assert document["vectors"] is None
    assert document["provenance"]["command"] == "mtl relate --every 2 --no-vectors"
    assert not (Layout(related).studies / "task-vectors.svg").exists()
