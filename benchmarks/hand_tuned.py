"""The loop that one would write by hand for exactly one problem: no generality, no checks, all tensors ready."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.config import Problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder

__all__ = ["census", "flights"]

Pass = Callable[[], None]


class HandTuned(nn.Module):
    """One fused embedding table, two trunk layers, and the heads, written out."""

    def __init__(self, ids: int, columns: int, floats: int, problem: Problem, outputs: tuple[int, ...]) -> None:
        super().__init__()
        width, (first, second), hidden = problem.model.embedding, problem.model.trunk.widths, problem.model.head.width
        self.embedding = nn.Embedding(ids, width)
        inputs = columns * width + floats
        self.padding = -inputs % 8
        rate = problem.model.trunk.dropout
        self.trunk = nn.Sequential(
            *(nn.Linear(inputs + self.padding, first), nn.LayerNorm(first), nn.ReLU(), nn.Dropout(rate)),
            *(nn.Linear(first, second), nn.LayerNorm(second), nn.ReLU(), nn.Dropout(rate)),
        )
        rate = problem.model.head.dropout
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(second, hidden), nn.ReLU(), nn.Dropout(rate), nn.Linear(hidden, count))
            for count in outputs
        )

    def forward(self, ids: Tensor, floats: Tensor) -> list[Tensor]:
        x = F.pad(torch.cat([self.embedding(ids).flatten(1), floats], dim=1), (0, self.padding))
        shared = self.trunk(x)
        return [head(shared) for head in self.heads]


def census(encoder: Encoder, split: EncodedSplit, problem: Problem) -> Pass:
    """A pass over Census-Income: two binary tasks, every row labelled."""
    income, never_married = split.labels["income"].float(), split.labels["never_married"].float()

    def loss(outputs: list[Tensor], rows: Tensor) -> Tensor:
        first = F.binary_cross_entropy_with_logits(outputs[0][:, 0], income.index_select(0, rows))
        second = F.binary_cross_entropy_with_logits(outputs[1][:, 0], never_married.index_select(0, rows))
        return (first + second) / 2

    return _passes(encoder, split, problem, (1, 1), loss)


def flights(encoder: Encoder, split: EncodedSplit, problem: Problem) -> Pass:
    """A pass over the flights: five tasks, four of which know nothing of a flight that was cancelled."""
    cancelled, delayed = split.labels["cancelled"].float(), split.labels["delayed"].float()
    band = split.labels["delay_band"].long()
    flown = (~split.labels["arr_delay"].isnan()).float()
    scales = {task.name: (task.mean, task.scale) for task in encoder.tasks if task.kind == "regression"}
    targets = []
    for name in ("arr_delay", "air_time"):
        mean, scale = scales[name]
        targets.append(((split.labels[name] - mean) / scale).nan_to_num(0.0))
    delayed, band = delayed.clamp(min=0), band.clamp(min=0)

    def loss(outputs: list[Tensor], rows: Tensor) -> Tensor:
        mask = flown.index_select(0, rows)
        labelled = mask.sum()
        first = F.binary_cross_entropy_with_logits(outputs[0][:, 0], cancelled.index_select(0, rows))
        masked = F.binary_cross_entropy_with_logits(outputs[1][:, 0], delayed.index_select(0, rows), reduction="none")
        masked = masked + F.cross_entropy(outputs[2], band.index_select(0, rows), reduction="none")
        masked = masked + F.l1_loss(outputs[3][:, 0], targets[0].index_select(0, rows), reduction="none")
        masked = masked + F.l1_loss(outputs[4][:, 0], targets[1].index_select(0, rows), reduction="none")
        return (first + (masked * mask).sum() / labelled) / 5

    return _passes(encoder, split, problem, (1, 1, 4, 1, 1), loss)


def _passes(
    encoder: Encoder,
    split: EncodedSplit,
    problem: Problem,
    outputs: tuple[int, ...],
    loss_of: Callable[[list[Tensor], Tensor], Tensor],
) -> Pass:
    ids, floats = split.inputs["categorical"].int(), split.inputs["numeric"]
    categories, numbers = encoder.groups["categorical"], encoder.groups["numeric"]
    floats = torch.cat(type(numbers[0]).module(numbers, problem.model)(split.inputs).row, dim=1)
    torch.manual_seed(0)
    network = HandTuned(sum(feature.size for feature in categories), ids.shape[1], floats.shape[1], problem, outputs)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0, fused=True)

    def run() -> None:
        network.train()
        for rows in torch.randperm(len(ids)).split(problem.training.batch_size):
            loss = loss_of(network(ids.index_select(0, rows), floats.index_select(0, rows)), rows)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run
