"""Scalarisations with a preference: a point of the Pareto front is asked for, and the losses are driven towards it."""

from abc import ABC
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from mtl_core.balancing.base import Balancer, Balancing
from mtl_core.balancing.scalarisations import Stateless

__all__ = ["COSMOS", "PBI", "STCH"]


class Preference(Balancing, ABC):
    """A positive number per task; those of the tasks that take part are scaled to sum to 1."""

    by_task: ClassVar[str] = "preference"

    preference: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """1 for a task that is not named."""


class STCH(Preference):
    """Smooth Tchebycheff: nearly the largest of the preferred losses, so that the worst task is what is trained
    (Lin 2024, equation 9; the ideal point is 0).
    """

    method: Literal["stch"] = "stch"
    mu: Annotated[float, Field(gt=0)] = 0.1
    """Smoothing, in the unit of the losses: the smaller, the nearer to the largest alone."""

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        from torchjd import scalarization

        preference = self.numbers(tasks, otherwise=1.0)
        return Stateless(lambda positions: scalarization.STCH(self.mu, _shares(preference, positions)))


class PBI(Preference):
    """Penalty-based boundary intersection: how far the losses are along the preferred direction, and `theta` times how
    far beside it (Zhang and Li 2007, section II-C; the ideal point is 0). Loss i is driven to be as `preference` i.
    """

    method: Literal["pbi"] = "pbi"
    theta: Annotated[float, Field(ge=0)] = 5.0
    """Penalty; the paper uses 5. A large one has gradients that raise the losses below the preferred direction."""

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        from torchjd import scalarization

        preference = self.numbers(tasks, otherwise=1.0)
        return Stateless(lambda positions: scalarization.PBI(self.theta, _shares(preference, positions)))


class COSMOS(Preference):
    """The preferred sum of the losses, less `penalty` times the cosine of losses and preference (Ruchte and Grabocka
    2021). Departs from the paper in that it trains one preference, and not a network that is told a sampled one.
    """

    method: Literal["cosmos"] = "cosmos"
    penalty: Annotated[float, Field(ge=0)] = 1.0
    """The paper's lambda, from 0.01 to 8 there; 0 leaves the preferred sum."""

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        from torchjd import scalarization

        preference = self.numbers(tasks, otherwise=1.0)
        return Stateless(lambda positions: scalarization.COSMOS(self.penalty, _shares(preference, positions)))


def _shares(preference: Tensor, positions: list[int]) -> Tensor:  # (tasks,) -> (present,)
    present = preference[positions]
    return present / present.sum()
