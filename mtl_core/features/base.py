"""The contract of a feature."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.arrow import EXACT, ColumnType, as_codes, as_numbers, as_strings, column_type, is_exact
from mtl_core.features.graph import GraphBuilder
from mtl_core.frozen import Frozen

__all__ = [
    "EXACT",
    "Block",
    "ColumnType",
    "Feature",
    "FeatureFitter",
    "FittedFeature",
    "as_codes",
    "as_numbers",
    "as_strings",
    "column_type",
    "is_exact",
]

Block = Literal["ids", "floats"]


class Feature(Frozen, ABC):
    """Options of one feature, as `params.yaml` declares them."""

    column: Annotated[str, Field(min_length=1)] | None = None
    """The column it reads; the feature's own name where none is given."""

    @abstractmethod
    def fitter(self, name: str, column: str, kind_of_column: ColumnType) -> "FeatureFitter":
        """Starts to learn from the training split what the feature needs."""


class FeatureFitter(ABC):
    """Learns one feature from the training split, part by part, in memory that does not grow with the rows."""

    @abstractmethod
    def update(self, values: pa.Array) -> None:
        """Takes the next values of the column."""

    @abstractmethod
    def finish(self) -> "FittedFeature":
        """What was learned."""


class FittedFeature(Frozen, ABC):
    """One feature, fitted. It has two faces that must agree: `encode` for tables, `nodes` for the exported graph."""

    block: ClassVar[Block]
    """Which array of a batch it contributes columns to."""

    name: str
    column: str
    type: ColumnType

    @property
    @abstractmethod
    def width(self) -> int:
        """How many columns of its block it fills."""

    @abstractmethod
    def encode(self, values: pa.Array) -> NDArray[np.generic]:
        """(rows,) column -> (rows, width) array: int32 ids from 0, or float32."""

    @classmethod
    @abstractmethod
    def nodes(cls, graph: GraphBuilder, features: Sequence[Self], columns: Sequence[str]) -> str:
        """Adds the same computation to `graph` for all features of this kind at once: few nodes on large values cost
        a fraction of many on small ones. `columns`: each one's (rows,) input.

        Returns the name of (widths together, rows), feature after feature: int64 ids from 0, or float32.
        """
