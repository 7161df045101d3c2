"""The shared network: its input layer, its trunk, its heads."""

from typing import Annotated

from pydantic import Field

from mtl_core.config.trunks import AnyTrunk, SharedBottom
from mtl_core.frozen import Frozen

__all__ = ["HeadOptions", "Model"]


class HeadOptions(Frozen):
    """Options of every task's head: a hidden layer where `width` is not 0, then the task's logits."""

    width: Annotated[int, Field(ge=0, le=65_536)] = 0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1


class Model(Frozen):
    """The shared network."""

    embedding: Annotated[int, Field(ge=1, le=1_024)] = 16
    """Width of every categorical value's embedding; all share one table."""
    bins: Annotated[int, Field(ge=0)] = 256
    """Maximum bins of the piecewise-linear encodings of all numeric features, each of which may have the same share."""
    trunk: AnyTrunk = SharedBottom()
    private: Annotated[int, Field(ge=0, le=65_536)] = 32
    """Width of a layer of the inputs per task, beside the trunk, so that a task can learn what the others have no use
    for; 0 for none (Liu, Qiu and Huang 2017, "Adversarial Multi-task Learning for Text Classification", section 4.2,
    without their adversary).
    """
    head: HeadOptions = HeadOptions()
