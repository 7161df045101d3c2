"""Aggregators that remove conflicts between the tasks' gradients, and sum or average the results."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from mtl_core.config.balancing.base import GradientBalancing, WithPreference

if TYPE_CHECKING:
    from mtl_core.balancing import Balancer


class UPGrad(GradientBalancing, WithPreference):
    """Each gradient is projected to where it conflicts with none of them, and the projections are averaged.

    The direction raises no task's loss to first order (Quinton and Rey 2024). Without conflict it is the mean. Needs
    the extra `solvers`.
    """

    method: Literal["upgrad"] = "upgrad"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.upgrad import UPGradBalancer

        return UPGradBalancer(tasks, preference=self.per_task(tasks, default=1.0))


class DualProj(GradientBalancing, WithPreference):
    """The mean gradient is projected to where it conflicts with no task's (Lopez-Paz and Ranzato 2017).

    Without conflict it is the mean. Needs the extra `solvers`.
    """

    method: Literal["dual_proj"] = "dual_proj"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.dual_proj import DualProjBalancer

        return DualProjBalancer(tasks, preference=self.per_task(tasks, default=1.0))


class PCGrad(GradientBalancing):
    """Sum of the gradients, each without its components against the others, in random order (Yu 2020)."""

    method: Literal["pcgrad"] = "pcgrad"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.pcgrad import PCGradBalancer

        return PCGradBalancer(tasks)


class GradVac(GradientBalancing):
    """Each gradient is turned towards another where their cosine is below its moving average (Wang 2021).

    Pairs are taken in random order, and the results are summed. The averages start at 0, which is `pcgrad`.
    """

    method: Literal["gradvac"] = "gradvac"
    beta: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Weight of a step's cosine in the moving average."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.gradvac import GradVacBalancer

        return GradVacBalancer(tasks, beta=self.beta)


class GradDrop(GradientBalancing):
    """Per parameter, either the positive or the negative gradients are dropped at random (Chen 2020).

    The sign with the smaller sum is more likely to be dropped; the rest is summed.
    """

    per_task_option: ClassVar[str] = "leak"

    method: Literal["graddrop"] = "graddrop"
    leak: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    """Task -> share of its gradient that is never dropped; 0 for a task that is not named."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.graddrop import GradDropBalancer

        return GradDropBalancer(tasks, leak=self.per_task(tasks, default=0.0))


class ConFIG(GradientBalancing, WithPreference):
    """The direction that has the same cosine with every task's gradient (Liu 2024).

    Cosines are in the proportion of the tasks' preferences. The direction's length is the summed length of the
    gradients' projections on it.
    """

    method: Literal["config"] = "config"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.config import ConFIGBalancer

        return ConFIGBalancer(tasks, preference=self.per_task(tasks, default=1.0))
