"""Message passing: one representation per task, projected from a shared one, and attention between them.

Tasks as the nodes of a graph that pass messages: Liu, Fu, Dong, Qiu and Cheung 2019, "Learning Multi-Task Communication
with Message Passing for Sequence Learning", AAAI.

Departs from the paper, whose models are of sequences: messages are scaled dot-product attention (Vaswani et al. 2017,
"Attention Is All You Need", equation 1 and section 3.2.2) with a task in place of a word, normalised before and not
after the sum (Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture"), so that a task's own
representation passes unchanged.
"""

import torch
from torch import Tensor, nn

from mtl_core.nn.dropout import FastDropout
from mtl_core.nn.experts import Experts
from mtl_core.nn.mlp import MLP
from mtl_core.trunks.base import Trunk


class MessagePassingTrunk(Trunk):
    """A shared MLP, a projection per task, rounds of attention.

    Every task attends to all, so no parameter affects one task alone.
    """

    def __init__(
        self, width: int, tasks: int, *, widths: tuple[int, ...], layers: int, heads: int, dropout: float
    ) -> None:
        """`layers`: rounds of messages; `heads` must divide the last of `widths`."""
        super().__init__()
        self.stack = MLP(width, widths, dropout)
        self.out_width = self.stack.out_width
        self.projections = Experts(tasks, self.out_width, (self.out_width,), dropout)
        self.rounds = nn.ModuleList(MessageRound(self.out_width, heads, dropout) for _ in range(layers))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        tasks = self.projections(self.stack(x)).movedim(0, -2)  # (..., tasks, out_width)
        for messages in self.rounds:
            tasks = messages(tasks)
        return tuple(tasks.unbind(dim=-2))  # tasks times (..., out_width)


class MessageRound(nn.Module):
    """A round of messages: each task adds the attention over all tasks to its own representation."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.norm = nn.LayerNorm(width)
        self.questions, self.keys, self.values, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.dropout = FastDropout(dropout)

    def forward(self, tasks: Tensor) -> Tensor:  # (..., tasks, width)
        x = self.norm(tasks)
        queries, keys, values = (self._split(layer(x)) for layer in (self.questions, self.keys, self.values))
        scores = queries @ keys.transpose(-1, -2) / self.head_width**0.5  # (..., heads, tasks, tasks)
        messages = torch.softmax(scores, dim=-1) @ values  # (..., heads, tasks, head_width)
        received: Tensor = self.dropout(self.out(messages.transpose(-3, -2).flatten(-2)))
        return tasks + received

    def _split(self, x: Tensor) -> Tensor:  # (..., tasks, width) -> (..., heads, tasks, head_width)
        return x.reshape(*x.shape[:-1], self.heads, self.head_width).transpose(-3, -2)
