"""The search: Optuna samples options, prunes, and keeps what is known in a file that several processes share.

Sampling is TPE (Bergstra 2011, "Algorithms for Hyper-Parameter Optimization", section 4), pruning the median rule.
Every trial draws from (seed, its number) alone, so that a search that was stopped between two trials goes on as if it
had not been.
"""

import hashlib
import json
import warnings
from typing import Any

import numpy as np
import optuna
from optuna.importance import get_param_importances
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from mtl_core.config import Problem, TuningOptions
from mtl_core.studies.provenance import config_digest
from mtl_core.studies.tuning.record import Baseline, Measure, Trial
from mtl_core.studies.tuning.trials import EndedEarly, TrialProgress, TrialRunner
from mtl_core.studies.tuning.values import as_sampled, declared_sample, distribution

JOURNAL = "study.journal"
RECORD, BASELINE = "record", "baseline"
GRACE = 5
"""Seconds after which the lock of a killed worker is removed; a write holds it for milliseconds."""
MIN_COMPLETE = 20
"""Minimum complete trials for an importance, which is about the best tenth of them."""
_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def name_of(problem: Problem, rows: str) -> str:
    """The study's name.

    Another problem, space or pruning, or other rows, of which `rows` is the digest, is another study.
    """
    assert problem.tuning is not None
    searched = problem.tuning.model_dump_json(exclude={"trials"})
    decisive = (config_digest(problem), str(problem.training.seed), searched, rows)
    return hashlib.sha256("\0".join(decisive).encode()).hexdigest()[:16]


class Search:
    """A study in a folder, opened by one of the processes that work on it."""

    def __init__(self, runner: TrialRunner, name: str) -> None:
        assert runner.problem.tuning is not None
        self.runner, self.name, self.options = runner, name, runner.problem.tuning
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        runner.folder.mkdir(parents=True, exist_ok=True)
        journal = str(runner.folder / JOURNAL)
        self._storage = JournalStorage(JournalFileBackend(journal, JournalFileSymlinkLock(journal, GRACE)))
        self.study = self._opened()

    @property
    def baseline(self) -> Baseline | None:
        """Metrics of trial 0; None where it is not finished."""
        first = next(iter(self.study.get_trials(deepcopy=False)), None)
        if first is None or BASELINE not in first.user_attrs:
            return None
        return {task: Measure.model_validate(one) for task, one in first.user_attrs[BASELINE].items()}

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The finished trials in the order of their numbers, without those that a kill interrupted."""
        kept = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]
        return tuple(_record(trial) for trial in kept if RECORD in trial.user_attrs)

    def recover(self) -> int:
        """Settle the trials that a kill interrupted; the number of those lost. No other process may be at work."""
        lost = 0
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if RECORD in trial.user_attrs:  # killed between the two writes of its end
                self._tell(trial.number, _record(trial))
            else:
                self.study.tell(trial.number, state=TrialState.FAIL)
                lost += 1
        if self.baseline is None:
            optuna.delete_study(study_name=self.name, storage=self._storage)
            self.study = self._opened()
        return lost

    def measure_declared(self) -> Trial:
        """Trial 0. Outside of the space it is the baseline alone, and the sampler ignores it."""
        trial, baseline, epochs = self.runner.measure_declared()
        sample = declared_sample(self.runner.problem, self.options.space)
        reached = TrialProgress(baseline, len(epochs))
        bests = {}
        for epoch in epochs:
            reached.add(epoch)
            if reached.reached is not None:
                bests[epoch.number] = reached.reached
        attributes = {RECORD: _plain(trial), BASELINE: {task: _plain(one) for task, one in baseline.items()}}
        self.study.add_trial(
            create_trial(
                state=TrialState.FAIL if sample is None else TrialState.COMPLETE,
                value=None if sample is None else trial.objective,
                params=sample or {},
                distributions=self._distributions() if sample is not None else {},
                user_attrs=attributes,
                intermediate_values=bests,
            )
        )
        return trial

    def next_trial(self) -> Trial:
        """Sample a trial, train it and store its result; options of an earlier trial take the result of that one."""
        baseline = self.baseline
        assert baseline is not None
        asked = self.study.ask(self._distributions())
        space = self.options.space
        changes = {path: as_sampled(tuned, asked.params[path]) for path, tuned in space.items()}

        def after_epoch(course: TrialProgress) -> None:
            if course.reached is not None:
                asked.report(course.reached, course.last)
                if course.last < course.max_epochs and asked.should_prune():
                    raise EndedEarly

        earlier = next((trial for trial in self.trials if _text(trial.changes) == _text(changes)), None)
        if earlier is not None:
            trial = earlier.model_copy(update={"number": asked.number, "seconds": 0.0})
        else:
            trial = self.runner.run(asked.number, changes, baseline, after_epoch)
        asked.set_user_attr(RECORD, _plain(trial))
        self._tell(asked.number, trial)
        return trial

    def importance(self) -> dict[str, float]:
        """Path -> its share of the importance for being among the best tenth (PED-ANOVA); empty for few trials."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < MIN_COMPLETE:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where it is unsure, and says equal shares
            found = get_param_importances(self.study)
        return {path: float(found[path]) for path in self.options.space if path in found}

    def _opened(self) -> Study:
        return optuna.create_study(
            study_name=self.name,
            storage=self._storage,
            sampler=_Sampler(self.options.seed),
            pruner=_pruner(self.options),
            direction="maximize",
            load_if_exists=True,
        )

    def _tell(self, number: int, trial: Trial) -> None:
        state = _STATES[trial.state]
        value = trial.objective if state is TrialState.COMPLETE else None
        self.study.tell(number, value, state=None if value is not None else state)

    def _distributions(self) -> dict[str, Any]:
        return {path: distribution(tuned) for path, tuned in self.options.space.items()}


class _Sampler(BaseSampler):
    """TPE whose randomness is that of (seed, number of the trial)."""

    def __init__(self, seed: int) -> None:
        self._seed, self._own = seed, TPESampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        seed = int(np.random.default_rng([self._seed, trial.number]).integers(2**32))
        self._own = TPESampler(seed=seed)
        self._own.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        return self._own.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
        return self._own.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any) -> Any:
        return self._own.sample_independent(study, trial, param_name, param_distribution)


def _pruner(options: TuningOptions) -> BasePruner:
    rule = options.prune
    return MedianPruner(n_startup_trials=rule.startup, n_warmup_steps=rule.warm_up) if rule else NopPruner()


def _record(trial: FrozenTrial) -> Trial:
    return Trial.model_validate(trial.user_attrs[RECORD])


def _plain(value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = value.model_dump(mode="json")
    return plain


def _text(changes: dict[str, Any]) -> str:
    return json.dumps(changes, sort_keys=True)
