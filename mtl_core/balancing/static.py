"""Static weights: the plain mean and sum of the losses, which are hard to beat (Kurin 2022, Xin 2022)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from mtl_core.balancing.base import Balancer, Balancing
from mtl_core.balancing.scalarisations import Scalarised, Stateless

__all__ = ["Constant", "Mean", "Sum"]


class Constant(Balancing):
    """A weighted sum over all tasks: the baseline of Kurin 2022 and Xin 2022, once its weights are tuned."""

    by_task: ClassVar[str] = "weights"

    method: Literal["constant"] = "constant"
    weights: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    """Of the tasks' losses, beside the tasks' own `weight`; 1 for a task that is not named."""

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        from torchjd import scalarization

        weights = self.numbers(tasks, otherwise=1.0)
        return Stateless(lambda positions: scalarization.Constant(weights[positions]))


class Mean(Balancing):
    """The mean over all tasks; one that takes no part counts as 0, so that the others keep their weight."""

    method: Literal["mean"] = "mean"

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        return StaticBalancer(1 / len(tasks))


class Sum(Balancing):
    """The sum over all tasks."""

    method: Literal["sum"] = "sum"

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        return StaticBalancer(1.0)


class StaticBalancer(Scalarised):
    """The losses' sum times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        return self.factor * losses.sum()
