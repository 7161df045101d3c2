"""Scalarisations without learned weights: a single number from the losses of a step."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from mtl_core.config.balancing.base import Balancing, Positive, WithPreference

if TYPE_CHECKING:
    from mtl_core.balancing import Balancer


class Mean(Balancing):
    """The mean of the losses (Kurin 2022, Xin 2022).

    A task that takes no part counts as 0, so that the others keep their weight.
    """

    method: Literal["mean"] = "mean"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.static import StaticBalancer

        return StaticBalancer(1 / len(tasks))


class InverseLoss(Balancing):
    """The mean of the losses, each divided by its own running mean (Lin 2023, "Dual-Balancing").

    A task whose loss has become small still counts as much as a task whose labels are noise.
    """

    method: Literal["inverse_loss"] = "inverse_loss"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        return self.build_weighted(dict.fromkeys(tasks, 1.0))

    def build_weighted(self, weights: Mapping[str, float]) -> "Balancer":
        from mtl_core.balancing.inverse_loss import InverseLossBalancer

        return InverseLossBalancer(tuple(weights.values()))


class Sum(Balancing):
    """The sum of the losses."""

    method: Literal["sum"] = "sum"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.static import StaticBalancer

        return StaticBalancer(1.0)


class Constant(Balancing):
    """A weighted sum of the losses: the baseline of Kurin 2022 and Xin 2022, once its weights are tuned."""

    per_task_option: ClassVar[str] = "weights"

    method: Literal["constant"] = "constant"
    weights: Annotated[dict[str, Positive], Field(min_length=1)]
    """Task -> factor of its loss, in addition to `tasks.NAME.weight`; 1 for a task that is not named."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.constant import ConstantBalancer

        return ConstantBalancer(weights=self.per_task(tasks, default=1.0))


class Random(Balancing):
    """A baseline: random weights at every step, the softmax of standard normal numbers (RLW, Lin 2022)."""

    method: Literal["random"] = "random"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.random_weights import RandomBalancer

        return RandomBalancer()


class GeometricMean(Balancing):
    """The geometric mean, whose direction is independent of the losses' scales (GLS, Chennupati 2019)."""

    method: Literal["geometric_mean"] = "geometric_mean"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.geometric_mean import GeometricMeanBalancer

        return GeometricMeanBalancer(tasks)


class STCH(WithPreference):
    """Smooth Tchebycheff: nearly the largest of the preferred losses, so that the worst task is trained (Lin 2024)."""

    method: Literal["stch"] = "stch"
    mu: Positive = 0.1
    """Smoothing, in the unit of the losses: the smaller, the nearer to the largest loss alone."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.stch import STCHBalancer

        return STCHBalancer(mu=self.mu, preference=self.per_task(tasks, default=1.0))


class PBI(WithPreference):
    """Penalty-based boundary intersection: losses in proportion to `preference` (Zhang and Li 2007).

    The distance of the losses along the preferred direction, and `theta` times their distance from it. Loss i is driven
    to be proportional to `preference` i.
    """

    method: Literal["pbi"] = "pbi"
    theta: Annotated[float, Field(ge=0)] = 5.0
    """Penalty; the paper uses 5. The gradients of a large one raise the losses below the preferred direction."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.pbi import PBIBalancer

        return PBIBalancer(theta=self.theta, preference=self.per_task(tasks, default=1.0))


class COSMOS(WithPreference):
    """The preferred sum, less `penalty` times the cosine of losses and preference (Ruchte and Grabocka 2021)."""

    method: Literal["cosmos"] = "cosmos"
    penalty: Annotated[float, Field(ge=0)] = 1.0
    """The paper's lambda, from 0.01 to 8 there; 0 leaves the preferred sum."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.cosmos import COSMOSBalancer

        return COSMOSBalancer(penalty=self.penalty, preference=self.per_task(tasks, default=1.0))
