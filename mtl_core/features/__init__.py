"""Kinds of feature, one file each; base.py has their contract.

To add a kind, write its file and add its two classes to the unions below, as tests/features/test_new_kind.py does.
A kind with a new input type needs the same type in serving/inputs.py, which reads its values from JSON.
"""

from typing import Annotated

from pydantic import Field

from mtl_core.features.base import Feature, FittedFeature, TreeColumns
from mtl_core.features.categorical import Categorical, FittedCategorical
from mtl_core.features.datetime import Datetime
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.features.fitted_datetime import FittedDatetime
from mtl_core.features.multicategorical import FittedMulticategorical, Multicategorical
from mtl_core.features.numeric import FittedNumeric, Numeric
from mtl_core.features.text import FittedText, TextFeature
from mtl_core.features.vector import FittedVector, Vector
from mtl_core.ragged import Block

__all__ = [
    "AnyFeature",
    "AnyFittedFeature",
    "Block",
    "ColumnFacts",
    "Feature",
    "FittedFeature",
    "Proposal",
    "TreeColumns",
]

AnyFeature = Annotated[
    Datetime | Multicategorical | TextFeature | Categorical | Numeric | Vector, Field(discriminator="kind")
]
"""All kinds, in the order in which `mtl init` tries them; it uses the first proposal."""
AnyFittedFeature = Annotated[
    FittedDatetime | FittedMulticategorical | FittedText | FittedCategorical | FittedNumeric | FittedVector,
    Field(discriminator="kind"),
]
