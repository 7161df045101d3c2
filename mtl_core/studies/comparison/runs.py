"""Runs of the comparison: every arm with every seed, each stored in a folder of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from mtl_core.config import Problem
from mtl_core.data.encoder import Encoder
from mtl_core.studies.comparison.arms import ArmRun, run_arm
from mtl_core.studies.comparison.boosted import BoostedRun, lightgbm_error, run_boosted
from mtl_core.studies.comparison.record import BOOSTED, POLICIES, SINGLE_TASK, Arm
from mtl_core.studies.comparison.run_files import Predictions, load_predictions
from mtl_core.studies.progress import StudyProgress
from mtl_core.studies.splits import Splits


def arms_of(problem: Problem, policies: bool) -> tuple[Arm, ...]:
    """Arms to train: that of the declared stopping policy, the single-task one, and with `policies` all other ones."""
    shared = problem.training.stopping.policy
    return (shared, SINGLE_TASK, *(other for other in POLICIES if policies and other != shared))


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Finished runs of every arm with each seed."""

    problem: Problem
    encoder: Encoder
    splits: Splits
    folder: Path
    seeds: tuple[int, ...]
    networks: dict[Arm, list[ArmRun]]
    boosted: list[BoostedRun]
    lightgbm_error: str | None
    """Why there are no trees at all; None if there are."""
    parts: int
    """Number of parts of the study: these runs, intervals, and serving cost."""

    @cached_property
    def shared(self) -> Arm:
        """The arm of the declared stopping policy, with one network for all tasks."""
        return next(iter(self.networks))

    @cached_property
    def predictions(self) -> dict[str, list[Predictions]]:
        """Arm -> predictions per seed, for the arms between which differences are taken."""
        arms = [self.shared, SINGLE_TASK] + ([BOOSTED] if self.boosted else [])
        return {arm: [load_predictions(run_folder(self.folder, arm, seed)) for seed in self.seeds] for arm in arms}


def run_arms(
    problem: Problem,
    encoder: Encoder,
    splits: Splits,
    folder: Path,
    seeds: Sequence[int],
    *,
    policies: bool,
    progress: StudyProgress,
) -> Runs:
    """Every arm with every seed; finished runs are read from `folder`."""
    arms, number = arms_of(problem, policies), 0
    networks: dict[Arm, list[ArmRun]] = {arm: [] for arm in arms}
    boosted: list[BoostedRun] = []
    error = lightgbm_error()
    parts = (len(arms) + (error is None)) * len(seeds) + 2
    # Torch loads modules for about a second with its first optimiser, which must not count in an arm's time.
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    for seed in seeds:  # seed by seed, so that an interrupted study has all arms with some seeds
        for arm in arms:
            progress.on_part(f"{arm}, seed {seed}", number, parts)
            run = run_arm(arm, problem, encoder, splits, seed, run_folder(folder, arm, seed), progress)
            networks[arm].append(run)
            number += 1
        if error is None:
            progress.on_part(f"{BOOSTED}, seed {seed}", number, parts)
            training = problem.training.model_copy(update={"seed": seed})
            seeded = problem.model_copy(update={"training": training})
            boosted.append(run_boosted(seeded, encoder, splits, run_folder(folder, BOOSTED, seed), progress))
            number += 1
    return Runs(
        problem=problem,
        encoder=encoder,
        splits=splits,
        folder=folder,
        seeds=tuple(seeds),
        networks=networks,
        boosted=boosted,
        lightgbm_error=error,
        parts=parts,
    )


def run_folder(folder: Path, arm: str, seed: int) -> Path:
    """Folder of an arm's run."""
    return folder / f"{arm}-{seed}"
