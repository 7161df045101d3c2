"""The shared network: its input layer, its trunk, its heads."""

from typing import Annotated

from pydantic import Field

from mtl_core.config.trunks import AnyTrunk, SharedBottom
from mtl_core.frozen import Frozen

MEMBERS, FEW_ROWS = 4, 2_000
"""The default number of members, and the training rows up to which it holds: there an ensemble lowers the errors by
about a percent, and a training takes seconds.
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
    trunk: AnyTrunk = SharedBottom()
    private: Annotated[int, Field(ge=0, le=65_536)] = 32
    """Width of a layer of the inputs per task, beside the trunk, so that a task can learn what the others have no use
    for; 0 for none (Liu, Qiu and Huang 2017, "Adversarial Multi-task Learning for Text Classification", section 4.2,
    without their adversary).
    """
    members: Annotated[int, Field(ge=1, le=64)] | None = None
    """Number of members of an ensemble within the network, which share all layers and have heads and scales of the
    inputs of their own; their mean is predicted. By default MEMBERS where there are few training rows, else 1.
    """
    head: HeadOptions = HeadOptions()

    def members_for(self, rows: int, *, unsupervised: bool) -> int:
        """Number of members for so many training rows.

        It is 1 with an unsupervised task, whose clusters would be others in every member.
        """
        if unsupervised:
            return 1
        return self.members or (MEMBERS if rows <= FEW_ROWS else 1)
