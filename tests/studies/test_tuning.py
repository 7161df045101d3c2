"""The search for options: what it measures, what it keeps, how it goes on."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtl_core.config import Problem, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.errors import RunInProgress, TrainingError
from mtl_core.studies.provenance import Provenance, config_digest
from mtl_core.studies.tuning import Measure, Trial, Tuning
from mtl_core.studies.tuning.record import gains, mean_gain
from mtl_core.studies.tuning.search import JOURNAL, Search, name_of
from mtl_core.studies.tuning.study import best_of, exclusive_study, repeat, study_of
from mtl_core.studies.tuning.trials import TrialProgress, TrialRunner
from mtl_core.training import Epoch
from tests.small import Small, document

SPACE = {
    "training.learning_rate": {"low": 0.0003, "high": 0.03, "log": True},
    "model.embedding": {"choices": [4, 8]},
    "model.trunk.widths": {"choices": [[16], [8, 8]]},
}
PRUNE = {"startup": 2, "warm_up": 1}
MADE = Provenance(command="mtl tune", commit="", seeds=(0,), machine="", versions={}, declaration="")


def declared(space: dict[str, Any] = SPACE, **training: Any) -> Problem:
    tuning = {"space": space, "prune": PRUNE, "trials": 4}
    return parse_problem(document(**{"epochs": 2, "batch_size": 256, **training}) | {"tuning": tuning})


def runner(small: Small, folder: Path, problem: Problem | None = None) -> TrialRunner:
    return TrialRunner(
        problem=problem or declared(),
        encoder=small.encoder,
        train=small.train,
        validation=small.validation,
        folder=folder,
    )


def searched(small: Small, folder: Path, trials: int, problem: Problem | None = None) -> Search:
    """With so many trials more, after trial 0 if it is missing."""
    search = Search(runner(small, folder, problem), "name")
    search.recover()
    if search.baseline is None:
        search.measure_declared()
        trials -= 1
    for _ in range(trials):
        search.next_trial()
    return search


def known(trials: tuple[Trial, ...]) -> list[dict[str, Any]]:
    """Without what a clock says."""
    return [trial.model_dump(exclude={"seconds"}) for trial in trials]


def without_labels(split: EncodedSplit, *tasks: str) -> EncodedSplit:
    """The split without labels of those tasks; of all where none is named."""
    labels = {name: values.clone() for name, values in split.labels.items()}
    for name in tasks or labels:
        labels[name][:] = math.nan if labels[name].is_floating_point() else -1
    return EncodedSplit(split.inputs, labels, split.weights)


@pytest.fixture(scope="module")
def whole(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Search:
    return searched(small, tmp_path_factory.mktemp("whole"), 6)


def measure(value: float | None = 0.5, higher: bool = True) -> Measure:
    return Measure(metric="m", higher_is_better=higher, value=value, standard_error=0.1)


def test_a_gain_is_oriented_and_in_standard_errors() -> None:
    assert measure().gain(0.7) == pytest.approx(2)
    assert measure(higher=False).gain(0.7) == pytest.approx(-2)
    assert measure().gain(None) is None
    assert measure(None).gain(0.7) is None


def test_the_objective_needs_every_task_that_is_measured() -> None:
    baseline = {"a": measure(), "b": measure(higher=False), "ghost": measure(None)}
    assert gains(baseline, {}) == {"a": None, "b": None}
    assert mean_gain(baseline, {"a": 0.6, "b": 0.2}) == pytest.approx(2)
    assert mean_gain(baseline, {"a": 0.6, "b": None, "ghost": 0.1}) is None
    assert mean_gain({"ghost": measure(None)}, {"ghost": 0.1}) is None


def test_the_course_of_a_trial_keeps_its_best_epoch() -> None:
    course = TrialProgress({"a": measure(), "late": measure()}, max_epochs=3)
    for number, (a, late) in enumerate([(0.9, math.nan), (0.6, 0.6), (0.55, 0.55)], 1):
        values = {"a": a, "late": late}
        epoch = Epoch(number=number, losses={}, values=values, scores={}, stopped=(), distilled=())
        course.add(epoch)
    assert (course.best, course.last, course.values) == (2, 3, {"a": 0.6, "late": 0.6})


def test_trial_0_is_what_is_declared(whole: Search) -> None:
    first = whole.trials[0]
    assert (first.number, first.state, first.objective, first.worst) == (0, "complete", 0.0, 0.0)
    assert first.changes == {"training.learning_rate": 0.01, "model.embedding": 4, "model.trunk.widths": [16]}
    baseline = whole.baseline
    assert baseline is not None
    assert {task: one.value for task, one in baseline.items()} == first.values


def test_trials_lie_in_the_space_and_say_what_they_measured(whole: Search) -> None:
    assert [trial.number for trial in whole.trials] == list(range(6))
    baseline = whole.baseline
    assert baseline is not None
    for trial in whole.trials:
        assert set(trial.changes) == set(SPACE)
        assert 0.0003 <= trial.changes["training.learning_rate"] <= 0.03  # type: ignore[operator]
        assert trial.changes["model.embedding"] in (4, 8)
        assert trial.changes["model.trunk.widths"] in ([16], [8, 8])
        assert trial.objective == mean_gain(baseline, trial.values)
        assert trial.chosen is not None
        assert trial.chosen <= trial.epochs <= 2
    assert "pruned" in {trial.state for trial in whole.trials}
    assert not list(whole.runner.folder.glob("trial-*"))  # their weights are not kept


def test_a_search_goes_on_as_if_it_had_not_been_stopped(small: Small, whole: Search, tmp_path: Path) -> None:
    searched(small, tmp_path, 3)
    again = searched(small, tmp_path, 3)
    assert known(again.trials) == known(whole.trials)


def test_a_trial_cut_short_by_a_kill_does_not_count(small: Small, tmp_path: Path) -> None:
    search = searched(small, tmp_path, 2)
    search.study.ask(search._distributions())
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    (tmp_path / f"{JOURNAL}.lock").symlink_to("nowhere")
    (tmp_path / "trial-2").mkdir()
    with exclusive_study(tmp_path):
        again = searched(small, tmp_path, 1)
    assert [trial.number for trial in again.trials] == [0, 1, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", JOURNAL]


def test_a_trial_killed_between_the_two_writes_of_its_end_is_kept(small: Small, tmp_path: Path) -> None:
    search = searched(small, tmp_path, 1)
    asked = search.study.ask(search._distributions())
    trial = search.trials[0].model_copy(update={"number": 1})
    asked.set_user_attr("record", trial.model_dump(mode="json"))
    assert Search(search.runner, "name").recover() == 0
    assert search.trials[1] == trial


def test_only_one_command_at_a_time(tmp_path: Path) -> None:
    with (
        exclusive_study(tmp_path),
        pytest.raises(RunInProgress, match="only one `mtl tune` may work there"),
        exclusive_study(tmp_path),
    ):
        pass
    with exclusive_study(tmp_path):
        pass


def test_another_problem_space_or_data_is_another_study() -> None:
    others = [
        declared({"model.embedding": {"choices": [4, 8]}}),
        declared(learning_rate=0.02),
        parse_problem(document(epochs=2, batch_size=256) | {"tuning": {"space": SPACE, "prune": False}}),
    ]
    names = {name_of(problem, "rows") for problem in (declared(), *others)} | {name_of(declared(), "other rows")}
    assert len(names) == 5
    more = parse_problem(document(epochs=2, batch_size=256) | {"tuning": {"space": SPACE, "prune": PRUNE, "trials": 9}})
    assert name_of(more, "rows") == name_of(declared(), "rows")


def test_what_is_declared_may_lie_outside_of_the_space(small: Small, tmp_path: Path) -> None:
    space = {
        "training.learning_rate": {"low": 0.02, "high": 0.03},
        "model.embedding": {"low": 8, "high": 16, "step": 4},
    }
    search = searched(small, tmp_path, 3, declared(space))
    assert search.trials[0].state == "complete"
    assert search.trials[0].changes == {"training.learning_rate": 0.01, "model.embedding": 4}
    assert all(trial.changes["model.embedding"] in (8, 12, 16) for trial in search.trials[1:])


def test_options_that_were_tried_give_their_result_again(small: Small, tmp_path: Path) -> None:
    search = searched(small, tmp_path, 5, declared({"model.embedding": {"choices": [4, 8]}}))
    assert sum(trial.seconds > 0 for trial in search.trials) == 2
    of_four = {trial.objective for trial in search.trials if trial.changes == {"model.embedding": 4}}
    assert of_four == {0.0}


def test_options_that_do_not_fit_together_fail_in_words(small: Small, tmp_path: Path) -> None:
    search = searched(small, tmp_path, 1)
    baseline = search.baseline
    assert baseline is not None
    trial = search.runner.run(7, {"model.trunk.kind": "single_task", "training.balancing.method": "pcgrad"}, baseline)
    assert (trial.state, trial.objective) == ("failed", None)
    assert "training.balancing.method: pcgrad weighs the tasks' gradients" in trial.why


def test_an_undefined_metric_fails_in_words(small: Small, tmp_path: Path) -> None:
    baseline = runner(small, tmp_path).measure_declared()[1]
    blind = replace(runner(small, tmp_path), validation=without_labels(small.validation, "minutes"))
    trial = blind.run(1, {"model.embedding": 8}, baseline)
    assert (trial.state, trial.objective, trial.epochs) == ("failed", None, 2)
    assert trial.why.startswith("minutes: rmse must be defined on validation, found that it is not in the model")


def test_repeating_gives_the_same_to_the_bit(whole: Search, small: Small, tmp_path: Path) -> None:
    study = study_of(whole, MADE)
    states = {trial.state: trial.number for trial in study.trials}
    for number in states.values():
        assert repeat(study, number, whole.runner) == {}
    other = runner(small, tmp_path, declared(seed=1))
    assert set(repeat(study, study.best or 1, other)) >= {"late", "minutes"}


@pytest.mark.parametrize(
    ("trials", "says"),
    [((), "there is none of that number"), ((Trial(number=3, state="failed", changes={}, why="so"),), "it failed: so")],
)
def test_what_cannot_be_repeated(whole: Search, trials: tuple[Trial, ...], says: str) -> None:
    study = study_of(whole, MADE).model_copy(update={"trials": trials})
    with pytest.raises(TrainingError, match=says):
        repeat(study, 3, whole.runner)


def test_the_best_is_the_first_of_the_complete() -> None:
    def trial(number: int, state: Any, objective: float | None) -> Trial:
        return Trial(number=number, state=state, changes={}, objective=objective)

    assert best_of([]) == 0
    assert best_of([trial(0, "complete", 0.0), trial(1, "complete", -1.0), trial(2, "pruned", 3.0)]) == 0
    assert best_of([trial(0, "complete", 0.0), trial(2, "complete", 1.0), trial(1, "complete", 1.0)]) == 1


def test_the_file_says_all_and_reads_back(whole: Search) -> None:
    study = study_of(whole, MADE)
    assert Tuning.model_validate_json(study.model_dump_json()) == study
    assert study.importance == {}  # of few trials
    assert study.differences(study.trials[0]) == {}
    assert study.trial(99) is None
    assert json.loads(study.model_dump_json())["space"]["training.learning_rate"]["log"] is True


def test_importance_of_many_trials(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search without its trainings: the learning rate decides alone."""

    def quick(own: TrialRunner, number: int, changes: dict[str, Any], *_: Any) -> Trial:
        rate = float(changes["training.learning_rate"])
        return Trial(number=number, state="complete", changes=changes, objective=-abs(math.log(rate / 0.01)), epochs=1)

    monkeypatch.setattr(TrialRunner, "run", quick)
    search = searched(small, tmp_path, 30)
    found = search.importance()
    assert sum(found.values()) == pytest.approx(1)
    assert max(found, key=lambda path: found[path]) == "training.learning_rate"
    best = study_of(search, MADE.model_copy(update={"declaration": config_digest(declared())}))
    assert best.best == 0


def test_nothing_to_measure_by(small: Small, tmp_path: Path) -> None:
    blind = replace(runner(small, tmp_path), validation=without_labels(small.validation))
    with pytest.raises(TrainingError, match="one task at least must have a metric that is defined on validation"):
        blind.measure_declared()
