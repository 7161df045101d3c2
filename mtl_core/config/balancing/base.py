"""Base class of the options of all balancings."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mtl_core.frozen import Frozen

if TYPE_CHECKING:
    from mtl_core.balancing import Balancer

Positive = Annotated[float, Field(gt=0)]


class Balancing(Frozen, ABC):
    """Options of a balancing."""

    needs_sharing: ClassVar[bool] = False
    """True if the method needs the tasks' gradients on shared parameters."""
    per_task_option: ClassVar[str] = ""
    """The option that maps names of declared tasks to numbers; "" if there is none."""

    method: str

    @abstractmethod
    def build(self, tasks: tuple[str, ...]) -> "Balancer":
        """A balancer for those tasks.

        Raises:
            ProblemError: a package that the method needs is not installed.
        """

    def build_weighted(self, weights: Mapping[str, float]) -> "Balancer":
        """A balancer for those tasks, whose losses are multiplied by those weights already."""
        return self.build(tuple(weights))

    def per_task(self, tasks: tuple[str, ...], *, default: float) -> tuple[float, ...]:
        """The value of `per_task_option` for each of those tasks, in order."""
        values: Mapping[str, float] = getattr(self, self.per_task_option)
        return tuple(values.get(task, default) for task in tasks)


class GradientBalancing(Balancing, ABC):
    """A method that combines or weighs the tasks' gradients on shared parameters."""

    needs_sharing: ClassVar[bool] = True


class WithPreference(Balancing, ABC):
    """A method that weighs the tasks by a preference; those of the tasks that take part are scaled to sum to 1."""

    per_task_option: ClassVar[str] = "preference"

    preference: dict[str, Positive] = Field(default_factory=dict)
    """Task -> its preference; 1 for a task that is not named."""
