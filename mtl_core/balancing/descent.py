"""Aggregators that look for one direction of descent for all tasks: the shortest, the fairest, the best conditioned."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from mtl_core.balancing.aggregation import Aggregation, Preferred

if TYPE_CHECKING:
    from torchjd.aggregation import Aggregator

__all__ = ["IMTLG", "MGDA", "AlignedMTL", "CAGrad", "FairGrad", "NashMTL"]


class MGDA(Aggregation):
    """The shortest vector in the convex hull of the gradients (Désidéri 2012), by Frank and Wolfe's algorithm (Sener
    and Koltun 2018, algorithm 2). It lowers every loss, and goes nowhere where the gradients cancel out.
    """

    method: Literal["mgda"] = "mgda"
    iterations: Annotated[int, Field(ge=1, le=100_000)] = 100
    """At most, of the algorithm."""

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.MGDA(max_iters=self.iterations)


class CAGrad(Aggregation):
    """The vector within a ball around the mean gradient that lowers the worst task's loss most (Liu 2021, CAGrad,
    algorithm 1).
    """

    packages: ClassVar[tuple[str, ...]] = ("cvxpy", "clarabel")

    method: Literal["cagrad"] = "cagrad"
    c: Annotated[float, Field(ge=0, lt=1)] = 0.4
    """Radius of the ball, as a share of the mean gradient's length: 0 is the mean; below 1 the mean loss falls."""

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.CAGrad(self.c)


class IMTLG(Aggregation):
    """The vector that is equally long along every gradient (IMTL-G, Liu 2021, section 3.1; for dependent gradients,
    Quinton and Rey 2024).

    Departs from the paper in that the weights that sum to 1 are those of gradients of one length: with the gradients as
    they are, that sum can be below 0 before it is made 1, and the direction raises every loss.
    """

    blind: ClassVar[bool] = True

    method: Literal["imtl_g"] = "imtl_g"

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.IMTLG()


class NashMTL(Aggregation):
    """The tasks bargain for a direction, and Nash's solution is its weights: each is the inverse of the direction's
    product with the task's gradient (Navon 2022, algorithm 1). Where the solver fails, the weights stay as they are.

    Departs from the authors' code in two things: the solver sees rows of one length, which change no bargain and make
    it fail seldom, and the direction is not cut at a norm of 1. The slowest method; see `every`.
    """

    packages: ClassVar[tuple[str, ...]] = ("cvxpy", "ecos")
    blind: ClassVar[bool] = True

    method: Literal["nash_mtl"] = "nash_mtl"
    every: Annotated[int, Field(ge=1)] = 1
    """Steps for which a solution is kept; it is found anew in every epoch, and for other tasks that take part."""
    iterations: Annotated[int, Field(ge=1, le=1_000)] = 20
    """At most, of convex problems solved for one solution."""

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.NashMTL(
            len(tasks), max_norm=0.0, update_weights_every=self.every, optim_niter=self.iterations
        )


class AlignedMTL(Preferred):
    """The gradients are turned and scaled to be orthogonal and of one length, and averaged (Senushkin 2023,
    algorithm 1).
    """

    method: Literal["aligned_mtl"] = "aligned_mtl"
    scale: Literal["min", "median", "rmse"] = "min"
    """The length: the smallest singular value of the Jacobian, as in the paper, the median one, or their root mean
    square.
    """

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.AlignedMTL(self.shares(tasks), scale_mode=self.scale)


class FairGrad(Aggregation):
    """The direction that is fair between the tasks' falls of loss, by alpha-fairness (Ban and Ji 2024, equation 4 and
    algorithm 1).
    """

    packages: ClassVar[tuple[str, ...]] = ("scipy",)

    method: Literal["fairgrad"] = "fairgrad"
    alpha: Annotated[float, Field(ge=0.1, le=100)] = 2.0
    """Near 0 the sum of the falls counts, at 1 their product, the larger the more the smallest alone."""

    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        from torchjd import aggregation

        return aggregation.FairGrad(self.alpha)
