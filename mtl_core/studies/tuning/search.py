"""The search: Optuna samples options, prunes, and stores the study in a file that several processes share.

Sampling is TPE (Bergstra 2011, "Algorithms for Hyper-Parameter Optimization", section 4), pruning the median rule. The
random state of a trial depends on (seed, its number) only, so that a search that was stopped between two trials resumes
to the same trials.
"""

import hashlib
import warnings
from typing import Any

import numpy as np
import optuna
from optuna.importance import get_param_importances
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from mtl_core.config import Problem
from mtl_core.studies.provenance import config_digest
from mtl_core.studies.tuning.record import Baseline, BaselineMetric, Trial
from mtl_core.studies.tuning.trials import Pruned, TrialProgress, TrialRunner
from mtl_core.studies.tuning.values import declared_sample, distribution, from_sample, json_text

JOURNAL = "study.journal"
RECORD, BASELINE = "record", "baseline"
GRACE = 5
"""Seconds after which the lock of a killed worker is removed; a write holds it for milliseconds."""
MIN_COMPLETE = 20
"""Minimum complete trials for an importance, which is about the best tenth of them."""
_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def study_name(problem: Problem, rows: str) -> str:
    """Name of the study, which changes with the problem, the space, the pruning, and `rows`, the digest of the rows."""
    assert problem.tuning is not None
    options = problem.tuning.model_dump_json(exclude={"trials"})
    fields = (*Trial.model_fields, *BaselineMetric.model_fields)  # those of another version cannot be read
    parts = (config_digest(problem), str(problem.training.seed), options, rows, *fields)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


class Search:
    """A study in a folder, opened by one of the processes that work on it."""

    def __init__(self, runner: TrialRunner, name: str) -> None:
        assert runner.problem.tuning is not None
        self.runner, self.name, self.options = runner, name, runner.problem.tuning
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        runner.folder.mkdir(parents=True, exist_ok=True)
        journal = str(runner.folder / JOURNAL)
        self._storage = JournalStorage(JournalFileBackend(journal, JournalFileSymlinkLock(journal, GRACE)))
        self.study = self._open()

    @property
    def baseline(self) -> Baseline | None:
        """Metrics of trial 0; None if it is not finished."""
        first = next(iter(self.study.get_trials(deepcopy=False)), None)
        if first is None or BASELINE not in first.user_attrs:
            return None
        return {task: BaselineMetric.model_validate(measure) for task, measure in first.user_attrs[BASELINE].items()}

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The finished trials in the order of their numbers, without those that a kill interrupted."""
        finished = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]
        return tuple(_record(trial) for trial in finished if RECORD in trial.user_attrs)

    def recover(self) -> None:
        """End the trials that a kill interrupted. No other process may work on the study."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if RECORD in trial.user_attrs:  # killed between the two writes that end a trial
                self._tell(trial.number, _record(trial))
            else:
                self.study.tell(trial.number, state=TrialState.FAIL)
        if self.baseline is None:
            optuna.delete_study(study_name=self.name, storage=self._storage)
            self.study = self._open()

    def run_declared(self) -> Trial:
        """Run trial 0. Declared options outside of the space give the baseline, which the sampler ignores."""
        trial, baseline, epochs = self.runner.run_declared()
        sample = declared_sample(self.runner.problem, self.options.space)
        progress = TrialProgress(baseline, len(epochs))
        best_objectives = {}
        for epoch in epochs:
            progress.add(epoch)
            if progress.best_objective is not None:
                best_objectives[epoch.number] = progress.best_objective
        self.study.add_trial(
            create_trial(
                state=TrialState.FAIL if sample is None else TrialState.COMPLETE,
                value=None if sample is None else trial.objective,
                params=sample or {},
                distributions=self._distributions() if sample is not None else {},
                user_attrs={
                    RECORD: trial.model_dump(mode="json"),
                    BASELINE: {task: measure.model_dump(mode="json") for task, measure in baseline.items()},
                },
                intermediate_values=best_objectives,
            )
        )
        return trial

    def next_trial(self) -> Trial:
        """Sample a trial, train it and store its result; the options of an earlier trial get that trial's result."""
        baseline = self.baseline
        assert baseline is not None
        sampled = self.study.ask(self._distributions())
        changes = {
            path: from_sample(search_range, sampled.params[path]) for path, search_range in self.options.space.items()
        }

        def after_epoch(progress: TrialProgress) -> None:
            if progress.best_objective is not None:
                sampled.report(progress.best_objective, progress.last_epoch)
                if progress.last_epoch < progress.max_epochs and sampled.should_prune():
                    raise Pruned

        earlier = next((trial for trial in self.trials if json_text(trial.changes) == json_text(changes)), None)
        if earlier is not None:
            trial = earlier.model_copy(update={"number": sampled.number, "seconds": 0.0})
        else:
            trial = self.runner.run(sampled.number, changes, baseline, after_epoch)
        sampled.set_user_attr(RECORD, trial.model_dump(mode="json"))
        self._tell(sampled.number, trial)
        return trial

    def importance(self) -> dict[str, float]:
        """Path -> its importance for being among the best tenth (PED-ANOVA); the sum is 1. Empty for few trials."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < MIN_COMPLETE:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where it is unsure, and returns equal shares
            importances = get_param_importances(self.study)
        return {path: float(importances[path]) for path in self.options.space if path in importances}

    def _open(self) -> Study:
        prune = self.options.prune
        return optuna.create_study(
            study_name=self.name,
            storage=self._storage,
            sampler=_Sampler(self.options.seed),
            pruner=MedianPruner(n_startup_trials=prune.startup, n_warmup_steps=prune.warm_up) if prune else NopPruner(),
            direction="maximize",
            load_if_exists=True,
        )

    def _tell(self, number: int, trial: Trial) -> None:
        state = _STATES[trial.state]
        value = trial.objective if state is TrialState.COMPLETE else None
        self.study.tell(number, value, state=None if value is not None else state)

    def _distributions(self) -> dict[str, Any]:
        return {path: distribution(search_range) for path, search_range in self.options.space.items()}


class _Sampler(BaseSampler):
    """TPE that is seeded by (seed, number) for every trial."""

    def __init__(self, seed: int) -> None:
        self._seed, self._tpe = seed, TPESampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        seed = int(np.random.default_rng([self._seed, trial.number]).integers(2**32))
        self._tpe = TPESampler(seed=seed)
        self._tpe.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        return self._tpe.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
        return self._tpe.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any) -> Any:
        return self._tpe.sample_independent(study, trial, param_name, param_distribution)


def _record(trial: FrozenTrial) -> Trial:
    return Trial.model_validate(trial.user_attrs[RECORD])
