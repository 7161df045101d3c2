"""Aggregators that take the conflict out of the tasks' gradients, and sum or average what is left."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from mtl_core.balancing.aggregation import Aggregation, Preferred

if TYPE_CHECKING:
    from torchjd.aggregation import Aggregator

__all__ = ["ConFIG", "DualProj", "GradDrop", "PCGrad", "UPGrad"]


class UPGrad(Preferred):
    """Each gradient is projected to where it conflicts with none of them, and the projections are averaged (Quinton and
    Rey 2024, section 4): the direction raises no task's loss to first order. Without conflict it is the mean.
    """

    packages: ClassVar[tuple[str, ...]] = ("qpsolvers", "quadprog")

    method: Literal["upgrad"] = "upgrad"

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.UPGrad(self.shares(tasks))


class DualProj(Preferred):
    """The mean gradient is projected to where it conflicts with no task's (Lopez-Paz and Ranzato 2017, equation 11).
    Without conflict it is the mean.
    """

    packages: ClassVar[tuple[str, ...]] = ("qpsolvers", "quadprog")

    method: Literal["dual_proj"] = "dual_proj"

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.DualProj(self.shares(tasks))


class PCGrad(Aggregation):
    """From each gradient its part against the others is taken away, one after another in random order, and the rests
    are summed (Yu 2020, algorithm 1). Without conflict it is the sum.
    """

    method: Literal["pcgrad"] = "pcgrad"

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.PCGrad()


class GradDrop(Aggregation):
    """Per parameter, either what pulls up or what pulls down is dropped at random, the lesser the likelier, and the
    rest is summed (Chen 2020, algorithm 1, lines 10 to 15, with the identity as f).
    """

    by_task: ClassVar[str] = "leak"

    method: Literal["graddrop"] = "graddrop"
    leak: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    """How much of a task's gradient is never dropped; 0 for a task that is not named."""

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.GradDrop(leak=self.numbers(tasks, otherwise=0.0))


class ConFIG(Preferred):
    """The direction that has the same cosine with every task's gradient (in the proportion of their preferences), as
    long as the gradients are along it, together (ConFIG, Liu 2024, equation 2).
    """

    method: Literal["config"] = "config"

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.ConFIG(self.shares(tasks))
