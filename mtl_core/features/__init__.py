"""Kinds of feature, one file each: its options, what it learns from data, column -> array, and the same as ONNX nodes.

To add a kind: write its file, and add it to the two unions below.
"""

from typing import Annotated

from pydantic import Field

from mtl_core.features.base import Block, ColumnType, FittedFeature, column_type
from mtl_core.features.categorical import Categorical, FittedCategorical
from mtl_core.features.graph import INTERNAL, GraphBuilder
from mtl_core.features.numeric import FittedNumeric, Numeric

__all__ = [
    "INTERNAL",
    "AnyFeature",
    "AnyFittedFeature",
    "Block",
    "ColumnType",
    "FittedFeature",
    "GraphBuilder",
    "column_type",
]

AnyFeature = Annotated[Numeric | Categorical, Field(discriminator="kind")]
AnyFittedFeature = Annotated[FittedNumeric | FittedCategorical, Field(discriminator="kind")]
