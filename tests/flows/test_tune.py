"""`mtl tune` on the tiny problem: what it keeps, how it goes on, what it writes into params.yaml."""

import json
import shutil
from pathlib import Path

import pytest

from flows import tuning
from flows.cli import main
from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.errors import DataError, ProblemError, TrainingError
from mtl_core.studies.files import read_study, write_study
from mtl_core.studies.tuning import Tuning
from mtl_core.studies.tuning.search import Search
from tests.flows.conftest import Whole, forget_homes

SECTION = """
# What is searched.
tuning:
  trials: 3
  prune: false
  space:
    training.learning_rate: {low: 0.03, high: 0.06, log: true}  # around what is declared
    model.trunk.kind: {choices: [shared_bottom, mmoe]}
    tasks.spend.weight: {low: 0.5, high: 2.0}
"""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def kept(folder: Path) -> Tuning:
    found = read_study(Layout(folder).tuning, Tuning)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def searched(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the retrained problem, tuned once; then without its report, which takes seconds to draw again."""
    folder = tmp_path_factory.mktemp("tuned") / "tiny"
    shutil.copytree(whole.folder, folder, symlinks=True)
    with (folder / "params.yaml").open("a", encoding="utf-8") as file:
        file.write(SECTION)
    forget_homes()
    assert run("tune", "-C", str(folder)) == 0
    report = Layout(folder).report
    assert 'id="tuning"' in report.read_text(encoding="utf-8")
    report.unlink()
    return folder


@pytest.fixture
def params(searched: Path) -> Path:
    """params.yaml, put back after the test."""
    path = searched / "params.yaml"
    before = path.read_text(encoding="utf-8")
    yield path  # type: ignore[misc]
    path.write_text(before, encoding="utf-8")


def test_the_study_is_kept_and_says_how_it_was_made(searched: Path) -> None:
    study = kept(searched)
    assert [trial.number for trial in study.trials] == [0, 1, 2]
    assert study.made.command == "mtl tune --trials 3"
    assert study.made.versions["optuna"] == "5.0.0" or study.made.versions["optuna"] > "5"
    assert set(study.baseline) == {"churned", "spend", "tier"}


def test_more_trials_go_on_and_the_end_says_what_to_do(searched: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = kept(searched).trials
    assert run("tune", "--trials", "4", "-C", str(searched)) == 0
    out, err = capfd.readouterr()
    study = kept(searched)
    assert study.trials[:3] == before
    assert len(study.trials) == 4
    assert "trial 3 complete" in err
    assert "trial 2 complete" not in err
    best = study.trial(study.best)
    assert best is not None
    assert "best of 4 trials: 4 complete" in out
    assert ("dvc exp run -S " in out) == (best.number > 0)
    assert "written to studies/tuning.json" in out


def test_show_trains_nothing(
    searched: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Search, "next_trial", None)
    assert run("tune", "--show", "--json", "-C", str(searched)) == 0
    assert Tuning.model_validate(json.loads(capfd.readouterr().out)) == kept(searched)
    assert run("tune", "--show", "-C", str(searched)) == 0
    assert "and the declared options" in capfd.readouterr().out


def test_a_trial_repeats_to_the_bit_or_the_exit_code_says_so(searched: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("tune", "--repeat", "1", "-C", str(searched)) == 0
    assert "trial 1: bit-identical for 3 tasks" in capfd.readouterr().out
    study = kept(searched)
    spoiled = study.trials[1].model_copy(update={"values": study.trials[1].values | {"spend": 1.0}})
    write_study(
        Layout(searched).tuning, study.model_copy(update={"trials": (study.trials[0], spoiled, *study.trials[2:])})
    )
    try:
        assert run("tune", "--repeat", "1", "-C", str(searched)) == TrainingError.exit_code
        assert "must give the same numbers to the bit, found spend 1.0, now " in capfd.readouterr().err
    finally:
        write_study(Layout(searched).tuning, study)


def test_apply_writes_the_options_and_nothing_else(
    searched: Path, params: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = params.read_text(encoding="utf-8")
    trial = kept(searched).trials[1]
    assert run("tune", "--apply", "0", "-C", str(searched)) == 0
    assert "already has the options of trial 0" in capfd.readouterr().out
    assert params.read_text(encoding="utf-8") == before
    assert run("tune", "--apply", "1", "-C", str(searched)) == 0
    said = capfd.readouterr().out
    assert "wrote trial 1 to params.yaml:\n" in said
    assert f"+    weight: {trial.changes['tasks.spend.weight']}\n" in said
    after = params.read_text(encoding="utf-8")
    assert load_problem(searched).training.learning_rate == trial.changes["training.learning_rate"]
    assert load_problem(searched).model.trunk.kind == trial.changes["model.trunk.kind"]
    assert load_problem(searched).tasks["spend"].weight == trial.changes["tasks.spend.weight"]
    assert after.endswith(SECTION)
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert 2 <= len(changed) <= 3
    assert run("tune", "--apply", "2", "-C", str(searched)) == ProblemError.exit_code
    assert "found a study of another declaration" in capfd.readouterr().err
    assert run("tune", "--show", "-C", str(searched)) == 0
    assert "params.yaml has changed since this study" in capfd.readouterr().out


def test_ctrl_c_leaves_what_is_finished(
    searched: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(search: Search) -> None:
        search.study.ask(search._distributions())
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "next_trial", interrupted)
    before = kept(searched).trials
    assert run("tune", "--trials", "9", "-C", str(searched)) == 1
    out, err = capfd.readouterr()
    assert f"{len(before)} of 9 trials are done" in out
    assert "stopped; finished trials are kept" in err
    assert kept(searched).trials == before


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--apply", "77"], DataError.exit_code, "trial 77: must be complete to be applied, found none"),
        (["--repeat", "77"], TrainingError.exit_code, "found that there is none of that number"),
        (["--apply", "1", "--show"], 2, "exclude each other"),
        (["--apply", "1", "--json"], 2, "cannot be combined"),
        (["--workers", "0"], 2, "0 is not in the range"),
    ],
)
def test_refused(searched: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str) -> None:
    assert run("tune", *arguments, "-C", str(searched)) == code
    assert says in capfd.readouterr().err


def test_without_a_declaration_or_a_study(tiny_problem: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("tune", "-C", str(tiny_problem)) == ProblemError.exit_code
    assert "params.yaml: tuning: required by `mtl tune`" in capfd.readouterr().err
    with pytest.raises(DataError, match="run `mtl tune`"):
        tuning.kept_tuning(tiny_problem)


def test_check_shows_what_is_tuned(searched: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("check", "-C", str(searched)) == 0
    assert "3 trials over" in capfd.readouterr().out
    assert run("check", "--json", "-C", str(searched)) == 0
    assert json.loads(capfd.readouterr().out)["tuning"]["trials"] == 3
