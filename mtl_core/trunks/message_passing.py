"""Message passing: the tasks' representations, made from a shared one, attend to each other.

Tasks as the nodes of a graph that pass messages: Liu, Fu, Dong, Qiu and Cheung 2019, "Learning Multi-Task Communication
with Message Passing for Sequence Learning", AAAI. Theirs are sequence models; our messages are those of scaled
dot-product attention (Vaswani et al. 2017, "Attention Is All You Need", equation 1 and section 3.2.2), a task in place
of a word, normalised before and not after the sum (Xiong et al. 2020, "On Layer Normalization in the Transformer
Architecture"), so that what a task says itself gets through unchanged.
"""

from typing import Literal, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from mtl_core.trunks.base import Trunk, TrunkOptions
from mtl_core.trunks.dropout import QuickDropout
from mtl_core.trunks.layers import Count, Dropout, Experts, Stack, Widths

__all__ = ["MessagePassing", "MessagePassingTrunk", "Round"]


class MessagePassing(TrunkOptions):
    """A shared stack, a layer per task, then rounds of messages between the tasks."""

    kind: Literal["message_passing"] = "message_passing"
    widths: Widths = (256, 64)
    """The shared layers; a task's representation is as wide as the last one."""
    layers: Count = 1
    """Rounds of messages."""
    heads: Count = 4
    """Of the attention; they divide the last width."""
    dropout: Dropout = 0.1

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.widths[-1] % self.heads:
            raise ValueError(
                f"`heads` must divide the last of `widths`, found {self.heads} heads for a width of {self.widths[-1]}; "
                "change either"
            )
        return self

    def build(self, width: int, tasks: int) -> Trunk:
        return MessagePassingTrunk(self, width, tasks)


class MessagePassingTrunk(Trunk):
    """Every task hears every other one, so no parameter serves a task alone."""

    def __init__(self, options: MessagePassing, width: int, tasks: int) -> None:
        super().__init__()
        self.stack = Stack(width, options.widths, options.dropout)
        self.out_width = self.stack.out_width
        self.projections = Experts(tasks, self.out_width, (self.out_width,), options.dropout)
        self.rounds = nn.ModuleList(
            Round(self.out_width, options.heads, options.dropout) for _ in range(options.layers)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        tasks = self.projections(self.stack(x)).movedim(0, -2)  # (..., tasks, out_width)
        for messages in self.rounds:
            tasks = messages(tasks)
        return tuple(tasks.unbind(dim=-2))  # tasks times (..., out_width)


class Round(nn.Module):
    """One round: each task adds what it takes from all of them."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.norm = nn.LayerNorm(width)
        self.questions, self.keys, self.values, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.dropout = QuickDropout(dropout)

    def forward(self, tasks: Tensor) -> Tensor:  # (..., tasks, width)
        x = self.norm(tasks)
        questions, keys, values = (self._split(part(x)) for part in (self.questions, self.keys, self.values))
        scores = questions @ keys.transpose(-1, -2) / self.head_width**0.5  # (..., heads, tasks, tasks)
        messages = torch.softmax(scores, dim=-1) @ values  # (..., heads, tasks, head_width)
        heard: Tensor = self.dropout(self.out(messages.transpose(-3, -2).flatten(-2)))
        return tasks + heard

    def _split(self, x: Tensor) -> Tensor:  # (..., tasks, width) -> (..., heads, tasks, head_width)
        return x.reshape(*x.shape[:-1], self.heads, self.head_width).transpose(-3, -2)
