"""`mtl compare` on the tiny problem: what it trains, prints, keeps, and shows in the report."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from flows.layout import Layout
from mtl_core.config.distillation import Boosted
from mtl_core.studies import boosted, comparing
from mtl_core.studies.comparison import Comparison
from mtl_core.studies.files import read_study, write_study
from tests.flows.conftest import Whole, forget_homes
from tests.report.studies import comparison


def run(*arguments: str) -> int:
    forget_homes()
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture(scope="module")
def folder(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The retrained problem, to be changed."""
    place = tmp_path_factory.mktemp("compared") / "tiny"
    shutil.copytree(whole.folder, place, symlinks=True)
    return place


@pytest.fixture
def quick(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few trees; and the champion's graph stands for every network's, since each export takes seconds."""
    graph = Layout(folder).graph.read_bytes()
    monkeypatch.setattr(comparing, "graph_of", lambda *_: graph)
    monkeypatch.setattr(boosted, "OPTIONS", Boosted(trees=10))


def test_a_study_is_made_kept_and_drawn(
    folder: Path, quick: None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("compare", "--seeds", "1", "-C", str(folder)) == 0
    printed = capfd.readouterr().out
    for words in ("shared and single-task models", "churned", "spend", "tier", "one seed: ", "Sharing "):
        assert words in printed
    assert "written to studies/comparison.json; shown in artifacts/report.html" in printed
    assert 'id="sharing"' in Layout(folder).report.read_text(encoding="utf-8")
    found = read_study(Layout(folder).comparison, Comparison)
    assert found is not None
    assert found.made.command == "mtl compare --seeds 1"
    assert found.made.seeds == (0,)
    assert set(found.cost) == {"hold", "single_task", "boosted"}
    kept = Layout(folder).state / "studies" / "compare"
    assert {path.name for path in kept.iterdir()} == {"hold-0", "single_task-0", "boosted-0"}

    def forbid(*_: Any, **__: Any) -> None:
        raise AssertionError("it trains")

    monkeypatch.setattr("mtl_core.studies.arms.train", forbid)  # --show does not, nor does what is kept
    assert run("compare", "--show", "--json", "-C", str(folder)) == 0
    shown = Comparison.model_validate_json(capfd.readouterr().out)
    assert shown == found


def test_json_is_one_document_and_nothing_else(
    folder: Path, quick: None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def speak(folder: Path, stage: str) -> None:
        subprocess.run(["echo", f"stage {stage}"], check=True)  # as DVC's children do

    monkeypatch.setattr("flows.studies.bring_up_to_date", speak)
    assert run("compare", "--seeds", "1", "--json", "-C", str(folder)) == 0
    printed, told = capfd.readouterr()
    assert json.loads(printed)["shared"] == "hold"
    assert "stage validate" in told


def test_negative_transfer_is_named_and_is_no_failure(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_study(Layout(folder).comparison, comparison(("gains", "loses [b]")))
    assert run("compare", "--show", "-C", str(folder)) == 0
    printed = capfd.readouterr().out
    assert "negative transfer: loses [b]" in printed
    assert "under every stopping policy" in printed
    assert "freeze" in printed
    write_study(Layout(folder).comparison, comparison(("gains",), policies=False))
    assert run("compare", "--show", "-C", str(folder)) == 0
    printed = capfd.readouterr().out
    assert "negative transfer:" not in printed
    assert "under every stopping policy" not in printed


def test_nothing_to_show_is_refused(tiny_problem: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("compare", "--show", "-C", str(tiny_problem)) == 3
    assert "comparison.json: must exist to be shown, found no file; run `mtl compare`" in capfd.readouterr().err


def test_a_trunk_that_shares_nothing_is_refused_before_anything_runs(
    tiny_problem: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "tiny"
    copied.mkdir()
    shutil.copytree(tiny_problem / "data", copied / "data")
    params = (tiny_problem / "params.yaml").read_text(encoding="utf-8")
    assert "kind: shared_bottom" in params
    (copied / "params.yaml").write_text(params.replace("kind: shared_bottom", "kind: single_task"), encoding="utf-8")
    assert run("compare", "-C", str(copied)) == 2
    assert "model.trunk.kind: must be one that shares something" in capfd.readouterr().err
    assert not Layout(copied).artifacts.exists()


@pytest.mark.parametrize("seeds", ["0", "-1", "x"])
def test_a_number_of_seeds_is_one_or_more(seeds: str, tiny_problem: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("compare", "--seeds", seeds, "-C", str(tiny_problem)) == 2
    assert "--seeds" in capfd.readouterr().err
