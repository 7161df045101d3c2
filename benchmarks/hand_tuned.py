"""A hand-written training loop for exactly one problem: no generality, no checks, all tensors prepared."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.config import Problem
from mtl_core.config.budget import budget_of
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder

Pass = Callable[[], None]


class HandTuned(nn.Module):
    """A fused embedding table, learned scales, two trunk layers, a private layer and a linear head per task."""

    def __init__(self, ids: int, columns: int, floats: int, problem: Problem, outputs: tuple[int, ...]) -> None:
        super().__init__()
        model = problem.model
        width, (first, second), rate = model.embedding, model.trunk.widths, model.trunk.dropout
        self.embedding = nn.Embedding(ids, width)
        inputs = columns * width + floats
        self.scale = nn.Parameter(torch.ones(inputs))
        self.padding = -inputs % 8
        self.trunk = nn.Sequential(
            *(nn.Linear(inputs + self.padding, first), nn.LayerNorm(first), nn.ReLU(), nn.Dropout(rate)),
            *(nn.Linear(first, second), nn.LayerNorm(second), nn.ReLU(), nn.Dropout(rate)),
        )
        self.private = nn.Linear(inputs + self.padding, model.private * len(outputs))
        self.heads = nn.ModuleList(nn.Linear(second + model.private, count) for count in outputs)

    def forward(self, ids: Tensor, floats: Tensor) -> list[Tensor]:
        x = torch.cat([self.embedding(ids).flatten(1), floats], dim=1) * self.scale
        x = F.pad(x, (0, self.padding))
        shared, private = self.trunk(x), F.relu(self.private(x)).chunk(len(self.heads), dim=1)
        return [head(torch.cat([shared, features], dim=1)) for head, features in zip(self.heads, private, strict=True)]


def census(encoder: Encoder, split: EncodedSplit, problem: Problem) -> Pass:
    """A pass over Census-Income: two binary tasks, every row labelled."""
    income, never_married = split.labels["income"].float(), split.labels["never_married"].float()

    def loss(outputs: list[Tensor], rows: Tensor) -> Tensor:
        first = F.binary_cross_entropy_with_logits(outputs[0][:, 0], income.index_select(0, rows))
        second = F.binary_cross_entropy_with_logits(outputs[1][:, 0], never_married.index_select(0, rows))
        return (first + second) / 2

    return _passes(encoder, split, problem, (1, 1), loss)


def flights(encoder: Encoder, split: EncodedSplit, problem: Problem) -> Pass:
    """A pass over the flights: five tasks, four of them unlabelled for cancelled flights."""
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
    others = [parameter for name, parameter in network.named_parameters() if name != "scale"]
    groups = [{"params": others}, {"params": [network.scale], "lr": 6e-3}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, weight_decay=0.0, fused=True)
    batch_size = budget_of(problem.training, len(ids)).batch_size

    def run() -> None:
        network.train()
        for rows in torch.randperm(len(ids)).split(batch_size):
            loss = loss_of(network(ids.index_select(0, rows), floats.index_select(0, rows)), rows)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run
