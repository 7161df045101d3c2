"""The runs of the comparison: every arm with every seed, each kept in a folder of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from mtl_core.config import Problem, Training
from mtl_core.data.encoder import Encoder
from mtl_core.errors import ProblemError
from mtl_core.studies.arms import POLICIES, SINGLE_TASK, Arm, ArmRun, OnEpoch, Splits, predictions_from, run_arm
from mtl_core.studies.boosted import BoostedRun, missing, run_boosted
from mtl_core.studies.comparison import BOOSTED

OnPart = Callable[[str, int], None]
"""Hears of every part that begins: its words, and its number from 0."""


def check_sharing(problem: Problem) -> None:
    """Refuses a problem that has nothing to compare; raises ProblemError."""
    if len(problem.tasks) < 2:
        raise ProblemError(
            f"tasks: sharing is compared where two tasks or more share a network, found {len(problem.tasks)}; declare "
            "another task"
        )
    trunk = problem.model.trunk
    if trunk.separate_inputs:
        raise ProblemError(
            f"model.trunk.kind: must be one that shares something, found {trunk.kind}, which is what sharing is "
            "compared with; declare the trunk that you would share, as shared_bottom"
        )


def arms_of(problem: Problem, policies: bool) -> tuple[Arm, ...]:
    """Arms to train: the declared stopping policy's, a network per task, and with `policies` all other ones."""
    shared = problem.training.stopping.policy
    return (shared, SINGLE_TASK, *(other for other in POLICIES if policies and other != shared))


def parts_of(problem: Problem, policies: bool, seeds: int) -> int:
    """Number of parts of the study: a run per arm, trees and seed, then intervals and serving cost."""
    arms = len(arms_of(problem, policies)) + (missing() is None)
    return arms * seeds + 2


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Trained arms with each seed, and their paths."""

    problem: Problem
    encoder: Encoder
    splits: Splits
    folder: Path
    seeds: tuple[int, ...]
    networks: dict[Arm, list[ArmRun]]
    boosted: list[BoostedRun]
    lacking: str | None
    """Why there are no trees at all; None where there are."""

    @cached_property
    def shared(self) -> Arm:
        """The arm with one network for all tasks under the declared stopping policy."""
        return next(iter(self.networks))

    def place(self, arm: str, seed: int) -> Path:
        """Folder with the run of an arm."""
        return _place(self.folder, arm, seed)

    @cached_property
    def predictions(self) -> dict[str, list[dict[str, NDArray[Any]]]]:
        """Predictions of the arms between which differences are taken: per seed, task -> the test split's."""
        arms = [self.shared, SINGLE_TASK] + ([BOOSTED] if self.boosted else [])
        return {arm: [predictions_from(self.place(arm, seed)) for seed in self.seeds] for arm in arms}

    def training(self, seed: int) -> Training:
        """The declared training, with that seed."""
        return self.problem.training.model_copy(update={"seed": seed})


def train_arms(
    problem: Problem,
    encoder: Encoder,
    splits: Splits,
    folder: Path,
    seeds: Sequence[int],
    *,
    policies: bool,
    on_part: OnPart,
    on_epoch: OnEpoch,
    on_step: Callable[[int, int], None],
) -> Runs:
    """Every arm with every seed; runs that lie finished in `folder` are taken from there."""
    arms, number = arms_of(problem, policies), 0
    networks: dict[Arm, list[ArmRun]] = {arm: [] for arm in arms}
    boosted: list[BoostedRun] = []
    lacking = missing()
    # Torch loads modules for about a second with its first optimiser; the time of no arm shall have that in it.
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    for seed in seeds:  # seed by seed: a study that is stopped has all arms with some seeds
        for arm in arms:
            on_part(f"{arm}, seed {seed}", number)
            run = run_arm(arm, problem, encoder, splits, seed, _place(folder, arm, seed), on_epoch, on_step)
            networks[arm].append(run)
            number += 1
        if lacking is None:
            on_part(f"{BOOSTED}, seed {seed}", number)
            training = problem.training.model_copy(update={"seed": seed})
            own = problem.model_copy(update={"training": training})
            boosted.append(run_boosted(own, encoder, splits, _place(folder, BOOSTED, seed), on_step))
            number += 1
    return Runs(
        problem=problem,
        encoder=encoder,
        splits=splits,
        folder=folder,
        seeds=tuple(seeds),
        networks=networks,
        boosted=boosted,
        lacking=lacking,
    )


def _place(folder: Path, arm: str, seed: int) -> Path:
    return folder / f"{arm}-{seed}"
