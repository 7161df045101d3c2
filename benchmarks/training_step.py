"""Our training loop against a hand-tuned loop over the same network, on the flights, alternating in one run.

    python benchmarks/training_step.py [--rounds 7] [--threads 1]

The hand-tuned loop is what one would write for exactly this problem: all tensors ready in memory, one fused embedding
table, labels and masks converted beforehand, fused Adam, no checks, no per-task machinery. Both count samples per
processor second over whole passes. The last line is one JSON object: {"ratios": {"hand_tuned": ours / theirs}}.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.prepare import prepare
from mtl_core.model import Network
from mtl_core.problem import Problem, load_problem
from mtl_core.training.epoch import optimizer_of, train_epoch

ROOT = Path(__file__).parents[1]
ROWS = 60 * 2048
"""Of a round: as many for both."""


class HandTuned(nn.Module):
    """The flights' network without any generality: two trunk layers, five heads, written out."""

    def __init__(self, ids: int, columns: int, floats: int, problem: Problem) -> None:
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
            nn.Sequential(nn.Linear(second, hidden), nn.ReLU(), nn.Dropout(rate), nn.Linear(hidden, outputs))
            for outputs in (1, 1, 4, 1, 1)
        )

    def forward(self, ids: Tensor, floats: Tensor) -> list[Tensor]:
        x = F.pad(torch.cat([self.embedding(ids).flatten(1), floats], dim=1), (0, self.padding))
        shared = self.trunk(x)
        return [head(shared) for head in self.heads]


def hand_tuned(encoder: Encoder, split: EncodedSplit, problem: Problem) -> Callable[[], None]:
    """A pass of the hand-tuned loop; everything that can be done before is done here."""
    ids, floats = split.inputs["ids"].int(), split.inputs["floats"].clone()
    cancelled, delayed = split.labels["cancelled"].float(), split.labels["delayed"].float()
    band = split.labels["delay_band"].long()
    flown = (~split.labels["arr_delay"].isnan()).float()
    scales = {task.name: (task.mean, task.scale) for task in encoder.tasks if task.kind == "regression"}
    targets = []
    for name in ("arr_delay", "air_time"):
        mean, scale = scales[name]
        targets.append(((split.labels[name] - mean) / scale).nan_to_num(0.0))
    delayed, band = delayed.clamp(min=0), band.clamp(min=0)
    torch.manual_seed(0)
    network = HandTuned(encoder.id_count, ids.shape[1], floats.shape[1], problem)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0, fused=True)

    def run() -> None:
        network.train()
        for rows in torch.randperm(len(ids)).split(problem.training.batch_size):
            outputs = network(ids.index_select(0, rows), floats.index_select(0, rows))
            mask = flown.index_select(0, rows)
            labelled = mask.sum()
            loss = F.binary_cross_entropy_with_logits(outputs[0][:, 0], cancelled.index_select(0, rows))
            masked = F.binary_cross_entropy_with_logits(
                outputs[1][:, 0], delayed.index_select(0, rows), reduction="none"
            )
            masked = masked + F.cross_entropy(outputs[2], band.index_select(0, rows), reduction="none")
            masked = masked + F.l1_loss(outputs[3][:, 0], targets[0].index_select(0, rows), reduction="none")
            masked = masked + F.l1_loss(outputs[4][:, 0], targets[1].index_select(0, rows), reduction="none")
            loss = (loss + (masked * mask).sum() / labelled) / 5
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


def ours(encoder: Encoder, split: EncodedSplit, problem: Problem) -> Callable[[], None]:
    """A pass of the product's loop."""
    network = Network.seeded(encoder, problem.model, 0)
    balancer = problem.training.balancing.build(network.tasks)
    optimizer = optimizer_of(network, balancer, problem.training)
    return lambda: void(train_epoch(network, balancer, optimizer, encoder.tasks, split, problem.training, number=1))


def void(_: object) -> None:
    """Drops a result."""


def samples_per_second(run: Callable[[], None], rows: int) -> float:
    """Samples per processor second of one pass."""
    began = time.process_time()
    run()
    return rows / (time.process_time() - began)


def encoded_flights(out: Path) -> tuple[Problem, Encoder, EncodedSplit]:
    """The flights' training split, encoded afresh, memory-mapped, cut to ROWS."""
    problem = load_problem(ROOT)
    nothing = out / "quarantine.parquet"
    pq.write_table(pa.table({"part": pa.array([], pa.string()), "row": pa.array([], pa.int64())}), nothing)
    prepare(ROOT, problem, nothing, out / "encoded")
    encoder = Encoder.load(out / "encoded" / "encoder.json")
    split = EncodedSplit.open(out / "encoded" / "train", encoder)
    first = split.slice(0, ROWS)
    return problem, encoder, EncodedSplit(first.inputs, first.labels, first.weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    with tempfile.TemporaryDirectory() as folder:
        problem, encoder, split = encoded_flights(Path(folder))
        loops = {"ours": ours(encoder, split, problem), "hand_tuned": hand_tuned(encoder, split, problem)}
        speeds: dict[str, list[float]] = {name: [] for name in loops}
        print(f"{'round':>5} {'ours':>10} {'hand-tuned':>10}   samples per processor second")
        for number in range(arguments.rounds + 1):
            for name, run in loops.items():
                speed = samples_per_second(run, len(split))
                if number:  # the first round warms up
                    speeds[name].append(speed)
            if number:
                print(f"{number:>5} {speeds['ours'][-1]:>10,.0f} {speeds['hand_tuned'][-1]:>10,.0f}")
    ratios = [a / b for a, b in zip(speeds["ours"], speeds["hand_tuned"], strict=True)]
    print(f"ratio ours / hand-tuned: median {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}")
    print(json.dumps({"ratios": {"hand_tuned": round(statistics.median(ratios), 3)}}))


if __name__ == "__main__":
    main()
