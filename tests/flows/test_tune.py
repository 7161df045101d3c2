"""`mtl tune` on the tiny problem: its file, resumption, and the options that it writes into params.yaml."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.errors import DataError, ProblemError, TrainingError
from mtl_core.studies.files import read_study, write_study
from mtl_core.studies.tuning import Tuning
from mtl_core.studies.tuning.search import Search
from tests.flows.conftest import Whole, copy_of, mtl

SECTION = """
# A search space.
tuning:
  trials: 3
  prune: false
  space:
    training.learning_rate: {low: 0.03, high: 0.06, log: true}  # a comment
    model.trunk.kind: {choices: [shared_bottom, mmoe]}
    tasks.spend.weight: {low: 0.5, high: 2.0}
"""


def stored(folder: Path) -> Tuning:
    study = read_study(Layout(folder).tuning, Tuning)
    assert study is not None
    return study


@pytest.fixture(scope="module")
def tuned(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the retrained problem after `mtl tune`, without its report, which takes seconds to write again."""
    folder = copy_of(whole.folder, tmp_path_factory.mktemp("tuned"))
    with (folder / "params.yaml").open("a", encoding="utf-8") as file:
        file.write(SECTION)
    assert mtl(folder, "tune") == 0
    report = Layout(folder).report
    assert 'id="tuning"' in report.read_text(encoding="utf-8")
    report.unlink()
    return folder


@pytest.fixture
def params(tuned: Path) -> Iterator[Path]:
    """params.yaml, restored after the test."""
    path = tuned / "params.yaml"
    before = path.read_text(encoding="utf-8")
    yield path
    path.write_text(before, encoding="utf-8")


def test_the_study_is_stored_with_its_provenance(tuned: Path) -> None:
    study = stored(tuned)
    assert [trial.number for trial in study.trials] == [0, 1, 2]
    assert study.provenance.command == "mtl tune --trials 3"
    assert "optuna" in study.provenance.versions
    assert set(study.baseline) == {"churned", "spend", "tier"}


def test_more_trials_continue_the_study(tuned: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = stored(tuned).trials
    assert mtl(tuned, "tune", "--trials", "4") == 0
    out, err = capfd.readouterr()
    study = stored(tuned)
    assert study.trials[:3] == before
    assert len(study.trials) == 4
    assert "trial 3 complete" in err
    assert "trial 2 complete" not in err
    assert "best of 4 trials: 4 complete" in out
    assert ("dvc exp run -S " in out) == (study.best > 0)
    assert "written to studies/tuning.json" in out


def test_show_trains_nothing(tuned: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Search, "next_trial", None)
    assert mtl(tuned, "tune", "--show", "--json") == 0
    assert Tuning.model_validate(json.loads(capfd.readouterr().out)) == stored(tuned)
    assert mtl(tuned, "tune", "--show") == 0
    assert "and the declared options" in capfd.readouterr().out


def test_a_repeated_trial_is_bit_identical_or_an_error(tuned: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert mtl(tuned, "tune", "--repeat", "1") == 0
    assert "trial 1: bit-identical for 3 tasks" in capfd.readouterr().out
    study = stored(tuned)
    first, second, *others = study.trials
    edited = second.model_copy(update={"values": second.values | {"spend": 1.0}})
    write_study(Layout(tuned).tuning, study.model_copy(update={"trials": (first, edited, *others)}))
    try:
        assert mtl(tuned, "tune", "--repeat", "1") == TrainingError.exit_code
        assert "found spend 1.0, now " in capfd.readouterr().err
    finally:
        write_study(Layout(tuned).tuning, study)


def test_apply_writes_the_options_of_the_trial_only(
    tuned: Path, params: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = params.read_text(encoding="utf-8")
    trial = stored(tuned).trials[1]
    assert mtl(tuned, "tune", "--apply", "0") == 0
    assert "already has the options of trial 0" in capfd.readouterr().out
    assert params.read_text(encoding="utf-8") == before
    assert mtl(tuned, "tune", "--apply", "1") == 0
    printed = capfd.readouterr().out
    assert "wrote trial 1 to params.yaml:\n" in printed
    assert f"+    weight: {trial.changes['tasks.spend.weight']}\n" in printed
    after = params.read_text(encoding="utf-8")
    problem = load_problem(tuned)
    assert problem.training.learning_rate == trial.changes["training.learning_rate"]
    assert problem.model.trunk.kind == trial.changes["model.trunk.kind"]
    assert problem.tasks["spend"].weight == trial.changes["tasks.spend.weight"]
    assert after.endswith(SECTION)
    assert 2 <= len(set(after.splitlines()) - set(before.splitlines())) <= 3
    assert mtl(tuned, "tune", "--apply", "2") == ProblemError.exit_code
    assert "found a study of another declaration" in capfd.readouterr().err
    assert mtl(tuned, "tune", "--show") == 0
    assert "params.yaml has changed since this study" in capfd.readouterr().out


def test_ctrl_c_keeps_the_finished_trials(
    tuned: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(search: Search) -> None:
        search.study.ask(search._distributions())
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "next_trial", interrupt)
    before = stored(tuned).trials
    assert mtl(tuned, "tune", "--trials", "9") == 1
    out, err = capfd.readouterr()
    assert f"{len(before)} of 9 trials are done" in out
    assert "stopped; finished trials are kept" in err
    assert stored(tuned).trials == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--apply", "77"], DataError.exit_code, "trial 77: must be complete to be applied, found none"),
        (["--repeat", "77"], TrainingError.exit_code, "found no trial of that number"),
        (["--apply", "1", "--show"], 2, "exclude each other"),
        (["--apply", "1", "--json"], 2, "cannot be combined"),
        (["--workers", "0"], 2, "0 is not in the range"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    tuned: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    assert mtl(tuned, "tune", *arguments) == code
    assert words in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], ProblemError.exit_code, "params.yaml: tuning: required by `mtl tune`"),
        (["--show"], DataError.exit_code, "tuning.json: must exist to be shown, found no file; run `mtl tune`"),
    ],
)
def test_a_missing_search_space_or_study_is_an_error(
    tiny_problem: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    assert mtl(tiny_problem, "tune", *arguments) == code
    assert words in capfd.readouterr().err


def test_check_shows_the_search_space(tuned: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert mtl(tuned, "check") == 0
    assert "3 trials over" in capfd.readouterr().out
    assert mtl(tuned, "check", "--json") == 0
    assert json.loads(capfd.readouterr().out)["tuning"]["trials"] == 3
