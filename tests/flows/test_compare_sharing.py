"""`mtl compare` on the tiny problem: its output, its file, its section in the report, and its refusals."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.layout import Layout
from mtl_core.config.distillation import Boosted
from mtl_core.studies.comparison import boosted, study
from mtl_core.studies.comparison.record import Comparison
from mtl_core.studies.files import read_study, write_study
from tests.flows.conftest import Whole, copy_of, mtl, replace_text
from tests.report.studies import comparison


@pytest.fixture(scope="module")
def folder(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The retrained problem, to be changed."""
    return copy_of(whole.folder, tmp_path_factory.mktemp("compared"))


@pytest.fixture
def quick(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few trees, and the champion's graph for every network, since each export takes seconds."""
    graph = Layout(folder).graph.read_bytes()
    monkeypatch.setattr(study, "graph_of", lambda *_: graph)
    monkeypatch.setattr(boosted, "OPTIONS", Boosted(trees=10))


def test_a_study_is_printed_stored_and_in_the_report(
    folder: Path, quick: None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mtl(folder, "compare", "--seeds", "1") == 0
    printed = capfd.readouterr().out
    for words in ("shared and single-task models", "churned", "spend", "tier", "one seed: ", "Sharing "):
        assert words in printed
    assert "written to studies/comparison.json; shown in artifacts/report.html" in printed
    assert 'id="sharing"' in Layout(folder).report.read_text(encoding="utf-8")
    stored = read_study(Layout(folder).comparison, Comparison)
    assert stored is not None
    assert (stored.provenance.command, stored.provenance.seeds) == ("mtl compare --seeds 1", (0,))
    assert set(stored.cost) == {"hold", "single_task", "boosted"}
    scratch = Layout(folder).state / "studies" / "compare"
    assert {path.name for path in scratch.iterdir()} == {"hold-0", "single_task-0", "boosted-0"}

    def forbid(*_: Any, **__: Any) -> None:
        raise AssertionError("it trains")

    monkeypatch.setattr("mtl_core.studies.comparison.arms.train", forbid)
    assert mtl(folder, "compare", "--show", "--json") == 0
    assert Comparison.model_validate_json(capfd.readouterr().out) == stored


def test_json_output_is_one_document(
    folder: Path, quick: None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def print_stage(folder: Path, stage: str) -> None:
        subprocess.run(["echo", f"stage {stage}"], check=True)  # as DVC's children do

    monkeypatch.setattr("flows.studies.common.bring_up_to_date", print_stage)
    assert mtl(folder, "compare", "--seeds", "1", "--json") == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["shared"] == "hold"
    assert "stage validate" in err


def test_negative_transfer_is_named_with_exit_code_0(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_study(Layout(folder).comparison, comparison(("gains", "loses [b]")))
    assert mtl(folder, "compare", "--show") == 0
    printed = capfd.readouterr().out
    assert "negative transfer: loses [b]" in printed
    assert "under every stopping policy" in printed
    assert "freeze" in printed
    write_study(Layout(folder).comparison, comparison(("gains",), policies=False))
    assert mtl(folder, "compare", "--show") == 0
    printed = capfd.readouterr().out
    assert "negative transfer:" not in printed
    assert "under every stopping policy" not in printed


def test_without_a_study_there_is_nothing_to_show(tiny_problem: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert mtl(tiny_problem, "compare", "--show") == 3
    assert "comparison.json: must exist to be shown, found no file; run `mtl compare`" in capfd.readouterr().err


@pytest.mark.parametrize("command", ["compare", "relate"])
def test_a_trunk_that_shares_nothing_is_refused_before_anything_runs(
    tiny_problem: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    folder = copy_of(tiny_problem, tmp_path)
    replace_text(folder, "kind: shared_bottom", "kind: single_task")
    assert mtl(folder, command) == 2
    assert f"model.trunk.kind: `mtl {command}` needs" in capfd.readouterr().err
    assert not Layout(folder).encoded.exists()


@pytest.mark.parametrize("seeds", ["0", "x"])
def test_the_number_of_seeds_is_a_positive_integer(
    seeds: str, tiny_problem: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert mtl(tiny_problem, "compare", "--seeds", seeds) == 2
    assert "--seeds" in capfd.readouterr().err
