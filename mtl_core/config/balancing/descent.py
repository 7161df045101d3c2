"""Aggregators that choose a common descent direction of all tasks: shortest, fairest or best conditioned."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from mtl_core.config.balancing.base import GradientBalancing, WithPreference

if TYPE_CHECKING:
    from mtl_core.balancing import Balancer


class MGDA(GradientBalancing):
    """The shortest vector in the convex hull of the gradients (Désidéri 2012; Sener and Koltun 2018).

    It lowers every loss, and is 0 where the gradients cancel out.
    """

    method: Literal["mgda"] = "mgda"
    iterations: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Maximum iterations of the Frank-Wolfe algorithm."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.mgda import MGDABalancer

        return MGDABalancer(tasks, iterations=self.iterations)


class CAGrad(GradientBalancing):
    """The vector within a ball around the mean gradient that lowers the worst task's loss most (Liu 2021, CAGrad).

    Needs the extra `solvers`.
    """

    method: Literal["cagrad"] = "cagrad"
    c: Annotated[float, Field(ge=0, lt=1)] = 0.4
    """Radius of the ball, as a share of the mean gradient's length: 0 is the mean; below 1 the mean loss falls."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.cagrad import CAGradBalancer

        return CAGradBalancer(tasks, c=self.c)


class IMTLG(GradientBalancing):
    """The vector whose projections on all gradients are equally long (IMTL-G, Liu 2021)."""

    method: Literal["imtl_g"] = "imtl_g"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.imtl_g import IMTLGBalancer

        return IMTLGBalancer(tasks)


class NashMTL(GradientBalancing):
    """Nash bargaining of the tasks for a direction (Navon 2022).

    Each weight is the inverse of the direction's product with the task's gradient. The slowest method; see `every`.
    Needs the extra `solvers`.
    """

    method: Literal["nash_mtl"] = "nash_mtl"
    every: Annotated[int, Field(ge=1)] = 1
    """Steps between two solutions; a new epoch, or a change of the active tasks, needs a new one at once."""
    iterations: Annotated[int, Field(ge=1, le=1_000)] = 20
    """Maximum number of convex problems solved for one solution."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.nash_mtl import NashMTLBalancer

        return NashMTLBalancer(tasks, every=self.every, iterations=self.iterations)


class AlignedMTL(GradientBalancing, WithPreference):
    """The gradients are turned and scaled to be orthogonal and of one length, and averaged (Senushkin 2023)."""

    method: Literal["aligned_mtl"] = "aligned_mtl"
    scale: Literal["min", "median", "rmse"] = "min"
    """The length: smallest singular value of the Jacobian (as in the paper), median, or root mean square."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.aligned_mtl import AlignedMTLBalancer

        return AlignedMTLBalancer(tasks, preference=self.per_task(tasks, default=1.0), scale=self.scale)


class FairGrad(GradientBalancing):
    """The direction that is fair between the decreases of the tasks' losses, by alpha-fairness (Ban and Ji 2024)."""

    method: Literal["fairgrad"] = "fairgrad"
    alpha: Annotated[float, Field(ge=0.1, le=100)] = 2.0
    """Near 0 the sum of the decreases counts, at 1 their product; for large values the smallest decrease alone."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.fairgrad import FairGradBalancer

        return FairGradBalancer(tasks, alpha=self.alpha)
