"""Methods that learn the tasks' weights, from their losses or their gradients."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from mtl_core.config.balancing.base import Balancing, GradientBalancing, Positive

if TYPE_CHECKING:
    from mtl_core.balancing import Balancer


class UW(Balancing):
    """Uncertainty weighting: the sum of `exp(-s) loss / 2 + s / 2` over the tasks (Kendall 2018).

    Each task has its own s, the logarithm of its noise variance. At the optimum `exp(-s) loss` is 1.
    """

    method: Literal["uw"] = "uw"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.uw import UWBalancer

        return UWBalancer(tasks)


class IMTLL(Balancing):
    """Impartial losses: the sum of `exp(s) loss - s` over the tasks (IMTL-L, Liu 2021).

    Each task has its own s. At the optimum `exp(s) loss` is 1.
    """

    method: Literal["imtl_l"] = "imtl_l"

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.imtl_l import IMTLLBalancer

        return IMTLLBalancer(tasks)


class DWA(Balancing):
    """Dynamic weight average: tasks whose loss falls slowly weigh more (Liu 2019).

    The weights are the softmax of the rates `mean loss of the last epoch / of the epoch before`, times the number of
    tasks.
    """

    method: Literal["dwa"] = "dwa"
    temperature: Positive = 2.0
    """The larger, the more even; 2 in the paper."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.dwa import DWABalancer

        return DWABalancer(tasks, temperature=self.temperature)


class FAMO(Balancing):
    """Fast adaptive multitask optimization: learned weights, with which all losses fall at a similar rate (Liu 2023).

    An additional forward pass per step.
    """

    method: Literal["famo"] = "famo"
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.025
    """Learning rate of the logits; the paper uses 0.025."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-3
    """Weight decay of the logits, the paper's gamma: pulls the weights together."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.famo import FAMOBalancer

        return FAMOBalancer(tasks, learning_rate=self.learning_rate, weight_decay=self.weight_decay)


class ExcessMTL(GradientBalancing):
    """Excess risks: a task weighs more the farther it is from its best achievable loss (He 2024).

    The best achievable loss is estimated from the task's gradients.
    """

    method: Literal["excess_mtl"] = "excess_mtl"
    step_size: Positive = 0.01
    """Step size of the exponent; the paper's eta."""
    warm_up: Annotated[int, Field(ge=0)] = 3
    """Epochs with equal weights; the paper's appendix C.1 has 3."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.excess_mtl import ExcessMTLBalancer

        return ExcessMTLBalancer(tasks, step_size=self.step_size, warm_up=self.warm_up)


class GradNorm(GradientBalancing):
    """Gradient normalisation: weights are learned so that the tasks train at similar rates (Chen 2018).

    The weighted losses' gradients on the last shared layer get lengths of `mean length * rate ** alpha`, where a task's
    rate is its loss divided by its first one, relative to the tasks' mean.
    """

    method: Literal["gradnorm"] = "gradnorm"
    alpha: Annotated[float, Field(ge=0)] = 1.5
    """Strength of the preference for slow tasks; 0 makes all lengths equal."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.025
    """Learning rate of the weights."""

    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        from mtl_core.balancing.gradnorm import GradNormBalancer

        return GradNormBalancer(tasks, alpha=self.alpha, learning_rate=self.learning_rate)
