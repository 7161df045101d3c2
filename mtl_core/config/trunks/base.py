"""Base class of the options of all trunks, and the types of their fields."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mtl_core.frozen import Frozen

if TYPE_CHECKING:
    from mtl_core.trunks import Trunk

Width = Annotated[int, Field(ge=1, le=65_536)]
Widths = Annotated[tuple[Width, ...], Field(min_length=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=64)]
"""Number of experts, levels, heads or rounds."""


class TrunkOptions(Frozen, ABC):
    """Options of a trunk."""

    separate_inputs: ClassVar[bool] = False
    """True if each task has its own input layer, so that tasks share nothing."""

    kind: str

    @abstractmethod
    def trunk_type(self) -> type["Trunk"]:
        """Class of the trunk, which takes the options by their names."""

    def build(self, width: int, tasks: int) -> "Trunk":
        """The trunk for a width of its inputs and a number of tasks."""
        options = {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}
        return self.trunk_type()(width, tasks, **options)
