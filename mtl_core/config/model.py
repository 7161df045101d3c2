"""The shared network: its input layer, its trunk, its heads."""

from typing import Annotated

from pydantic import Field

from mtl_core.config.text import LSTM, AnyTextEncoder
from mtl_core.config.trunks import AnyTrunk, SharedBottom
from mtl_core.frozen import Frozen

MEMBERS, FEW_ROWS = 4, 2_000
"""Default number of members, up to this number of training rows. There an ensemble lowers the errors by about a
percent, and a training takes seconds.
"""


class HeadOptions(Frozen):
    """Options of every task's head: a hidden layer where `width` is not 0, then the task's logits."""

    width: Annotated[int, Field(ge=0, le=65_536)] = 0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1


class Model(Frozen):
    """The shared network."""

    embedding: Annotated[int, Field(ge=1, le=1_024)] = 16
    """Width of every categorical value's embedding; all share one table."""
    bins: Annotated[int, Field(ge=0)] = 256
    """Maximum bins of the piecewise-linear encodings of all numeric features together, shared equally among them."""
    text: AnyTextEncoder = LSTM()
    """The encoder of text features."""
    trunk: AnyTrunk = SharedBottom()
    private: Annotated[int, Field(ge=0, le=65_536)] = 32
    """Width of a private layer on the inputs for each task, in addition to the trunk; 0 for none (Liu, Qiu and Huang
    2017, "Adversarial Multi-task Learning for Text Classification", section 4.2, without their adversary).
    """
    members: Annotated[int, Field(ge=1, le=64)] | None = None
    """Number of members of an ensemble within the network. They share all layers; each has its own heads and input
    scales. The prediction is their mean. Default: MEMBERS for few training rows, else 1.
    """
    head: HeadOptions = HeadOptions()

    def members_for(self, rows: int, *, unsupervised: bool) -> int:
        """Number of members for a number of training rows.

        It is 1 with an unsupervised task, whose clusters would differ between members.
        """
        if unsupervised:
            return 1
        return self.members or (MEMBERS if rows <= FEW_ROWS else 1)
