"""The hyperparameter search: gains, trials, resumption after a kill, and the record."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtl_core.config import Problem, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.errors import RunInProgress, TrainingError
from mtl_core.studies.tuning import BaselineMetric, Trial, Tuning
from mtl_core.studies.tuning.record import gains, mean_gain
from mtl_core.studies.tuning.search import JOURNAL, Search, study_name
from mtl_core.studies.tuning.study import best_number, exclusive_study, repeat_trial, study_of
from mtl_core.studies.tuning.trials import TrialProgress, TrialRunner
from mtl_core.training import Epoch
from tests.small import Small, document
from tests.studies.conftest import provenance

SPACE = {
    "training.learning_rate": {"low": 0.0003, "high": 0.03, "log": True},
    "model.embedding": {"choices": [4, 8]},
    "model.trunk.widths": {"choices": [[16], [8, 8]]},
}
TUNING: dict[str, Any] = {"space": SPACE, "prune": {"startup": 2, "warm_up": 1}, "trials": 4}


def declared(*, tuning: dict[str, Any] = TUNING, **training: Any) -> Problem:
    return parse_problem(document(**{"epochs": 2, "batch_size": 256, **training}) | {"tuning": TUNING | tuning})


def runner(small: Small, folder: Path, problem: Problem | None = None) -> TrialRunner:
    return TrialRunner(
        problem=problem or declared(),
        encoder=small.encoder,
        train=small.train,
        validation=small.validation,
        folder=folder,
    )


def search_for(small: Small, folder: Path, trials: int, problem: Problem | None = None) -> Search:
    """A search after that many further trials, trial 0 included where it is missing."""
    search = Search(runner(small, folder, problem), "name")
    search.recover()
    if search.baseline is None:
        search.run_declared()
        trials -= 1
    for _ in range(trials):
        search.next_trial()
    return search


def baseline_of(search: Search) -> dict[str, BaselineMetric]:
    assert search.baseline is not None
    return search.baseline


def without_labels(split: EncodedSplit, *tasks: str) -> EncodedSplit:
    """The split without labels of those tasks; of all where none is named."""
    labels = {name: values.clone() for name, values in split.labels.items()}
    for name in tasks or labels:
        labels[name][:] = math.nan if labels[name].is_floating_point() else -1
    return EncodedSplit(split.inputs, labels, split.weights)


@pytest.fixture(scope="module")
def finished(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Search:
    """A search of six trials."""
    return search_for(small, tmp_path_factory.mktemp("finished"), 6)


def measure(value: float | None = 0.5, higher: bool = True) -> BaselineMetric:
    return BaselineMetric(metric="m", higher_is_better=higher, value=value, standard_error=0.1)


def test_a_gain_is_oriented_and_in_standard_errors() -> None:
    assert measure().gain(0.7) == pytest.approx(2)
    assert measure(higher=False).gain(0.7) == pytest.approx(-2)
    assert measure().gain(None) is None
    assert measure(None).gain(0.7) is None


def test_the_objective_needs_every_task_with_a_baseline() -> None:
    baseline = {"a": measure(), "b": measure(higher=False), "undefined": measure(None)}
    assert gains(baseline, {}) == {"a": None, "b": None}
    assert mean_gain(baseline, {"a": 0.6, "b": 0.2}) == pytest.approx(2)
    assert mean_gain(baseline, {"a": 0.6, "b": None, "undefined": 0.1}) is None
    assert mean_gain({"undefined": measure(None)}, {"undefined": 0.1}) is None


def test_progress_keeps_the_best_epoch_with_all_metrics() -> None:
    progress = TrialProgress({"a": measure(), "late": measure()}, max_epochs=3)
    for number, (a, late) in enumerate([(0.9, math.nan), (0.6, 0.6), (0.55, 0.55)], 1):
        values = {"a": a, "late": late}
        progress.add(Epoch(number=number, losses={}, values=values, scores={}, stopped=(), distilled=()))
    assert (progress.best_epoch, progress.last_epoch, progress.best_values) == (2, 3, {"a": 0.6, "late": 0.6})


def test_trial_0_has_the_declared_options_and_is_the_baseline(finished: Search) -> None:
    first = finished.trials[0]
    assert (first.number, first.state, first.objective, first.worst) == (0, "complete", 0.0, 0.0)
    assert first.changes == {"training.learning_rate": 0.01, "model.embedding": 4, "model.trunk.widths": [16]}
    assert {task: measure.value for task, measure in baseline_of(finished).items()} == first.values


def test_trials_are_sampled_from_the_space_and_record_their_gains(finished: Search) -> None:
    assert [trial.number for trial in finished.trials] == list(range(6))
    for trial in finished.trials:
        assert set(trial.changes) == set(SPACE)
        assert 0.0003 <= trial.changes["training.learning_rate"] <= 0.03  # type: ignore[operator]
        assert trial.changes["model.embedding"] in (4, 8)
        assert trial.changes["model.trunk.widths"] in ([16], [8, 8])
        assert trial.objective == mean_gain(baseline_of(finished), trial.values)
        assert trial.chosen is not None
        assert trial.chosen <= trial.epochs <= 2
    assert "pruned" in {trial.state for trial in finished.trials}
    assert not list(finished.runner.folder.glob("trial-*"))  # weights are removed


def test_a_stopped_search_resumes_to_the_same_trials(small: Small, finished: Search, tmp_path: Path) -> None:
    search_for(small, tmp_path, 3)
    resumed = search_for(small, tmp_path, 3)
    expected, trials = (
        [trial.model_copy(update={"seconds": 0.0}) for trial in search.trials] for search in (finished, resumed)
    )
    assert trials == expected


def test_a_trial_that_a_kill_interrupted_is_skipped(small: Small, tmp_path: Path) -> None:
    search = search_for(small, tmp_path, 2)
    search.study.ask(search._distributions())
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    (tmp_path / f"{JOURNAL}.lock").symlink_to("nowhere")
    (tmp_path / "trial-2").mkdir()
    with exclusive_study(tmp_path):
        resumed = search_for(small, tmp_path, 1)
    assert [trial.number for trial in resumed.trials] == [0, 1, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", JOURNAL]


def test_a_kill_between_the_two_writes_that_end_a_trial_does_not_lose_it(small: Small, tmp_path: Path) -> None:
    search = search_for(small, tmp_path, 1)
    sampled = search.study.ask(search._distributions())
    trial = search.trials[0].model_copy(update={"number": 1})
    sampled.set_user_attr("record", trial.model_dump(mode="json"))
    Search(search.runner, "name").recover()
    assert search.trials[1] == trial


def test_a_second_command_in_the_study_is_refused(tmp_path: Path) -> None:
    with (
        exclusive_study(tmp_path),
        pytest.raises(RunInProgress, match="`mtl tune`"),
        exclusive_study(tmp_path),
    ):
        pass
    with exclusive_study(tmp_path):
        pass


def test_another_problem_space_pruning_or_data_is_another_study_and_more_trials_are_not() -> None:
    problems = [
        declared(),
        declared(tuning={"space": {"model.embedding": {"choices": [4, 8]}}}),
        declared(learning_rate=0.02),
        declared(tuning={"prune": False}),
    ]
    assert len({study_name(problem, "rows") for problem in problems} | {study_name(declared(), "other rows")}) == 5
    assert study_name(declared(tuning={"trials": 9}), "rows") == study_name(declared(), "rows")


def test_declared_options_may_lie_outside_of_the_space(small: Small, tmp_path: Path) -> None:
    space = {
        "training.learning_rate": {"low": 0.02, "high": 0.03},
        "model.embedding": {"low": 8, "high": 16, "step": 4},
    }
    search = search_for(small, tmp_path, 3, declared(tuning={"space": space}))
    assert search.trials[0].state == "complete"
    assert search.trials[0].changes == {"training.learning_rate": 0.01, "model.embedding": 4}
    assert all(trial.changes["model.embedding"] in (8, 12, 16) for trial in search.trials[1:])


def test_repeated_options_reuse_the_earlier_result(small: Small, tmp_path: Path) -> None:
    problem = declared(tuning={"space": {"model.embedding": {"choices": [4, 8]}}})
    search = search_for(small, tmp_path, 5, problem)
    assert sum(trial.seconds > 0 for trial in search.trials) == 2
    assert {trial.objective for trial in search.trials if trial.changes == {"model.embedding": 4}} == {0.0}


def test_options_that_exclude_each_other_fail_with_the_error(small: Small, tmp_path: Path) -> None:
    changes = {"model.trunk.kind": "single_task", "training.balancing.method": "pcgrad"}
    trial = runner(small, tmp_path).run(7, changes, {"late": measure()})
    assert (trial.state, trial.objective) == ("failed", None)
    assert "training.balancing.method: pcgrad" in trial.error


def test_an_undefined_metric_fails_the_trial(small: Small, tmp_path: Path) -> None:
    baseline = runner(small, tmp_path).run_declared()[1]
    unlabelled = replace(runner(small, tmp_path), validation=without_labels(small.validation, "minutes"))
    trial = unlabelled.run(1, {"model.embedding": 8}, baseline)
    assert (trial.state, trial.objective, trial.epochs) == ("failed", None, 2)
    assert trial.error.startswith("minutes: rmse must be defined on validation")


def test_without_any_defined_metric_there_is_no_trial_0(small: Small, tmp_path: Path) -> None:
    unlabelled = replace(runner(small, tmp_path), validation=without_labels(small.validation))
    with pytest.raises(TrainingError, match="defined on validation, found none"):
        unlabelled.run_declared()


def test_a_repeated_trial_is_bit_identical(finished: Search, small: Small, tmp_path: Path) -> None:
    study = study_of(finished, provenance(0))
    for number in {trial.state: trial.number for trial in study.trials}.values():
        assert repeat_trial(study, number, finished.runner) == {}
    other_seed = runner(small, tmp_path, declared(seed=1))
    assert set(repeat_trial(study, study.best or 1, other_seed)) >= {"late", "minutes"}


@pytest.mark.parametrize(
    ("trials", "reason"),
    [((), "no trial of that number"), ((Trial(number=3, state="failed", changes={}, error="so"),), "it failed: so")],
)
def test_a_trial_without_a_result_cannot_be_repeated(finished: Search, trials: tuple[Trial, ...], reason: str) -> None:
    study = study_of(finished, provenance(0)).model_copy(update={"trials": trials})
    with pytest.raises(TrainingError, match=reason):
        repeat_trial(study, 3, finished.runner)


def test_the_best_trial_is_the_first_complete_one_with_the_highest_objective() -> None:
    def trial(number: int, state: Any, objective: float | None) -> Trial:
        return Trial(number=number, state=state, changes={}, objective=objective)

    assert best_number([]) == 0
    assert best_number([trial(0, "complete", 0.0), trial(1, "complete", -1.0), trial(2, "pruned", 3.0)]) == 0
    assert best_number([trial(0, "complete", 0.0), trial(2, "complete", 1.0), trial(1, "complete", 1.0)]) == 1


def test_the_record_reads_back(finished: Search) -> None:
    study = study_of(finished, provenance(0))
    assert Tuning.model_validate_json(study.model_dump_json()) == study
    assert study.importance == {}  # of few trials
    assert study.differences(study.trials[0]) == {}
    assert study.trial(99) is None
    assert study.model_dump()["space"]["training.learning_rate"]["log"] is True


def test_importance_is_highest_for_the_only_option_that_matters(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search without trainings, in which the objective depends on the learning rate only."""

    def run(self: TrialRunner, number: int, changes: dict[str, Any], *_: Any) -> Trial:
        rate = float(changes["training.learning_rate"])
        return Trial(number=number, state="complete", changes=changes, objective=-abs(math.log(rate / 0.01)), epochs=1)

    monkeypatch.setattr(TrialRunner, "run", run)
    search = search_for(small, tmp_path, 30)
    importance = search.importance()
    assert sum(importance.values()) == pytest.approx(1)
    assert max(importance, key=lambda path: importance[path]) == "training.learning_rate"
    assert study_of(search, provenance(0)).best == 0
