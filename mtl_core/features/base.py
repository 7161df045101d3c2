"""The contract of a kind of feature, through which the product does everything with a feature.

A kind is one file with two classes: the options in `params.yaml`, and the fitted feature. Some methods take all
features of a kind at once, since few operations on wide arrays are much cheaper than many on narrow ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from mtl_core.arrow import scalar_type
from mtl_core.errors import DataError
from mtl_core.frozen import Frozen
from mtl_core.input_types import BooleanInput, InputType, NumberInput, StringInput
from mtl_core.ragged import Block

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from mtl_core.config import Model
    from mtl_core.expectations import Expectation
    from mtl_core.features.facts import ColumnFacts, Proposal
    from mtl_core.graphs.builder import GraphBuilder
    from mtl_core.nn.sequences import GroupModule
    from mtl_core.ragged import Ragged


SCALAR_INPUTS: dict[str, InputType] = {"string": StringInput(), "number": NumberInput(), "boolean": BooleanInput()}
"""Column type -> the input type of such a column."""


@dataclass(frozen=True, kw_only=True)
class TreeColumns:
    """Inputs of tree models. values: (rows, columns) float32; `categorical`: a flag per column."""

    values: NDArray[np.float32]
    categorical: tuple[bool, ...]
    """True for ids without an order."""


class Feature(Frozen, ABC):
    """Options of one feature, as `params.yaml` declares them."""

    expects_value_set: ClassVar[bool] = False
    """True if the suite expects the values of the reference. Where another feature reads the same column as a
    quantity, the suite has the expectations of that feature instead.
    """

    kind: str
    column: Annotated[str, Field(min_length=1)] | None = None
    """Its column; by default the feature's name."""
    exclude: tuple[str, ...] = ()
    """Columns that a feature whose name is a pattern does not read: names, or patterns."""

    @property
    def token_limit(self) -> int | None:
        """Maximum tokens of its texts, which a task may label; None if its values are no texts."""
        return None

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        """Proposal of `mtl init` for a column with those facts; None if another kind suits it better."""
        return None

    @abstractmethod
    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> InputType:
        """Input type of a column of that Arrow type; DataError if this kind cannot read it.

        Properties that depend on the values, such as the size of a list, have their defaults.
        """

    @abstractmethod
    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> FeatureFitter:
        """Create the fitter of the feature; DataError for a type that this kind cannot read."""

    def expectations(self, column: str, type_in_suite: str, parts: Sequence[pd.Series]) -> list[Expectation]:
        """Expectations of `mtl profile` beyond type and nulls, from each part's values."""
        return []


class FeatureFitter(ABC):
    """Fits one feature on the training split, batch by batch, in memory that does not grow with the rows."""

    def read_files(self, folder: Path) -> None:  # noqa: B027 - most kinds have no files
        """Read the files that the options name, relative to the problem's folder; DataError if one is damaged."""

    @abstractmethod
    def update(self, values: pa.Array) -> None:
        """Update with the next values of the column; text may come as a dictionary array."""

    @abstractmethod
    def finish(self) -> FittedFeature:
        """The fitted feature; DataError if the values do not suffice."""


class FittedFeature(Frozen, ABC):
    """A fitted feature, as `encoder.json` stores it.

    `encode` and `to_onnx` are the same computation and agree on any value: ids exactly, floats to one ulp.
    """

    kind: str
    name: str
    column: str

    @property
    @abstractmethod
    def input_type(self) -> InputType:
        """Input type of its column."""

    @abstractmethod
    def encode(self, values: pa.Array) -> NDArray[Any] | Ragged:
        """(rows,) column -> (rows, width), or ragged (rows, L, ...); text may come as a dictionary array."""

    @classmethod
    @abstractmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        """The arrays of all features of the kind. Names begin with the kind, so that they differ between kinds."""

    @classmethod
    def encode_blocks(
        cls, features: Sequence[Self], columns: Mapping[str, pa.Array]
    ) -> dict[str, NDArray[Any] | Ragged]:
        """Raw columns -> blocks. By default one dense block with the features' columns concatenated."""
        ((name, block),) = cls.blocks(features).items()
        rows = len(columns[features[0].column])
        out, start = np.empty((rows, *block.shape), block.dtype), 0
        for feature in features:
            values = np.asarray(feature.encode(columns[feature.column]))
            stop = start + values.shape[1]
            out[:, start:stop] = values
            start = stop
        return {name: out}

    @classmethod
    @abstractmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        """The part of the input layer for all features of the kind."""

    @classmethod
    @abstractmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        """Add the nodes of `encode_blocks` to `graph`.

        `inputs`: column -> name of its input. Returns block -> name of its value, rows first; ids are int32.
        """

    @property
    def known_tokens(self) -> Collection[str]:
        """The tokens of texts that it knows; none for a kind that reads no texts."""
        return ()

    def adversarial(self) -> pa.Array:
        """Raw values on which graph and network could differ, for the parity check."""
        return self.input_type.adversarial()

    def describe(self) -> str:
        """Short description of the fitted values, for the report."""
        return ""

    @classmethod
    def to_columns(cls, features: Sequence[Self], blocks: Mapping[str, Any]) -> TreeColumns | None:
        """Blocks of some rows -> inputs of tree models; None if the kind has none."""
        return None


def scalar_input(name: str, kind: str, column: str, arrow_type: pa.DataType) -> InputType:
    """The input type of text, numbers or booleans; DataError for any other Arrow type."""
    if (column_type := scalar_type(arrow_type)) is None:
        raise DataError(
            f"feature {name!r}: a {kind} feature needs a column of text, numbers or booleans, found {arrow_type} in "
            f"column {column!r}; declare a kind that reads it (datetime, multicategorical, vector), or derive columns "
            "of text or numbers from it (hour, weekday, length ...)"
        )
    return SCALAR_INPUTS[column_type]
