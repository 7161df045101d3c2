"""Speed of the training loop relative to a hand-written loop for the same network and to the loops of two libraries.

The libraries are DeepCTR-Torch and torch-rechub; all alternate in one run, on Census-Income and the flights.

    python benchmarks/training_step.py [--rounds 7] [--threads 1] [--rows 122880] [--problems census flights]
                                       [--peers hand_tuned deepctr_torch torch_rechub]

Samples per processor second of the training process, over whole passes. The first pass of each is not counted.

`hand_tuned` trains the declared network (hand_tuned.py), with plain means of the losses. A library trains its
shared-bottom network and its MMoE by its own call, in a separate environment under .trunkline with the same torch
(peers/). It gets the same rows, features, batch size, widths of embedding, layers and towers, dropout and Adam.
Trunkline trains what the library supports: binary and regression tasks, numbers as one column each without bins,
towers, and no private layers. An MMoE has four experts of the trunk's widths, and linear gates. Differences:

- the libraries do not support unlabelled rows: they train on 0 there, without masks;
- Trunkline averages the weights at every step, as `train` does by default, the libraries do not;
- Trunkline normalises trunk and experts (LayerNorm), DeepCTR-Torch nothing, torch-rechub every layer and gate
  (BatchNorm);
- for regressions torch-rechub supports the squared error only, the others use the declared absolute error;
- the libraries have one embedding table per feature, Trunkline one for all, with rows padded to a multiple of 8.

The last line is one JSON object: {"ratios": {peer: speed of Trunkline / speed of the peer}}, the lowest median of the
problems.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import hand_tuned
import numpy as np
import torch
from measurement import processor_seconds
from peer_environments import Worker
from problems import FOLDERS, Prepared, prepared

from mtl_core.config import HeadOptions, Problem
from mtl_core.config.balancing import Mean
from mtl_core.config.budget import budget_of
from mtl_core.config.trunks import MMoE, SharedBottom
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.model import Network
from mtl_core.nn.deterministic import deterministic
from mtl_core.tasks import objectives
from mtl_core.training.averaging import WeightAverage
from mtl_core.training.epoch import optimizer_of, train_epoch

HAND_TUNED = "hand_tuned"
LIBRARIES = ("deepctr_torch", "torch_rechub")
BY_HAND = {"census": hand_tuned.census, "flights": hand_tuned.flights}
KINDS = {"shared_bottom": "", "mmoe": "_mmoe"}
"""Network of the libraries -> suffix of the name of its ratio."""
EXPERTS, TOWER = 4, 64

Speed = Callable[[], float]
"""Run a pass and return samples per processor second."""


def trunkline_speed(encoder: Encoder, split: EncodedSplit, problem: Problem, sizes: dict[str, int], name: str) -> Speed:
    """Speed of Trunkline's loop, called as by `train`."""
    network = Network.seeded(problem, encoder, 0)
    sizes[name] = sum(parameter.numel() for parameter in network.parameters())
    balancer = problem.training.balancing.build_weighted({task.name: task.weight for task in network.objectives})
    optimizer = optimizer_of(network, balancer, problem.training)
    budget = budget_of(problem.training.model_copy(update={"epochs": 1}), len(split))
    after_step = WeightAverage(network).update

    def run() -> None:
        with deterministic(problem.training.threads):
            train_epoch(
                *(network, balancer, optimizer, split, problem.training, budget),
                epoch=1,
                after_step=after_step,
            )

    return lambda: samples_per_second(run, len(split))


def hand_tuned_speed(name: str, encoder: Encoder, split: EncodedSplit, problem: Problem) -> Speed:
    """Speed of the hand-tuned loop, which is not bit-reproducible."""
    run = BY_HAND[name](encoder, split, problem)

    def quick() -> None:
        torch.set_num_threads(problem.training.threads)
        torch.set_flush_denormal(True)
        run()

    return lambda: samples_per_second(quick, len(split))


def samples_per_second(run: Callable[[], None], rows: int) -> float:
    """Samples per second of one pass."""
    return rows / processor_seconds(run)


def library_speed(worker: Worker, kind: str, rows: int) -> Speed:
    """Speed of a library's loop."""
    return lambda: rows / worker.seconds(kind)


def for_libraries(encoder: Encoder) -> Encoder:
    """The encoder reduced to what the libraries support: two kinds of tasks, and numbers without bins."""
    tasks = tuple(task for task in encoder.tasks if task.kind in ("binary", "regression"))
    features = tuple(
        feature.model_copy(update={"bin_edges": ()}) if feature.kind == "numeric" else feature
        for feature in encoder.features
    )
    return encoder.model_copy(update={"tasks": tasks, "features": features})


def with_trunk(problem: Problem, kind: str) -> Problem:
    """The problem with this trunk, towers, and the plain mean of the losses, as the libraries have them."""
    widths, dropout = (256, 128), 0.2
    trunk = MMoE(experts=EXPERTS, widths=widths, dropout=dropout)
    if kind == "shared_bottom":
        trunk = SharedBottom(widths=widths, dropout=dropout)
    changes = {"trunk": trunk, "private": 0, "head": HeadOptions(width=TOWER, dropout=dropout)}
    training = problem.training.model_copy(update={"balancing": Mean(), "batch_size": 2048})
    model = problem.model.model_copy(update=changes)
    return problem.model_copy(update={"model": model, "training": training})


def write_worker_input(folder: Path, encoder: Encoder, split: EncodedSplit, problem: Problem) -> None:
    """Write the input of peers/worker.py."""
    categories = encoder.groups["categorical"]
    labels, tasks = [], objectives(problem.tasks, encoder.tasks)
    for task in tasks:
        values = split.labels[task.name]
        targets = task.standardised(values).float() if task.codec.kind == "regression" else values.float()
        labels.append(torch.where(task.codec.labelled(values), targets, 0.0).numpy())
    ids = split.inputs["categorical"].numpy() - type(categories[0]).offsets(categories)
    np.save(folder / "ids.npy", ids.astype(np.float32))
    np.save(folder / "floats.npy", split.inputs["numeric"].numpy())
    np.save(folder / "labels.npy", np.stack(labels, axis=1).astype(np.float32))
    model = problem.model
    options = {
        "kinds": list(KINDS),
        "sizes": [feature.size for feature in categories],
        "floats": encoder.blocks["numeric"].shape[0],
        "tasks": [task.codec.kind for task in tasks],
        "embedding": model.embedding,
        "widths": list(model.trunk.widths),
        "head": model.head.width,
        "dropout": model.trunk.dropout,
        "experts": EXPERTS,
        "batch_size": problem.training.batch_size,
    }
    (folder / "problem.json").write_text(json.dumps(options), encoding="utf-8")


def ratios(
    name: str, prepared_problem: Prepared, arguments: argparse.Namespace
) -> Iterator[tuple[str, list[float], list[float]]]:
    """Peer, Trunkline's and the peer's samples per processor second in every round, on one problem."""
    problem, encoder, sizes = prepared_problem.declared, prepared_problem.encoder, {}
    first = prepared_problem.splits.train.slice(0, arguments.rows)
    split = EncodedSplit(first.inputs, first.labels, first.weights)
    small = for_libraries(encoder)
    pairs: dict[str, tuple[Speed, Speed]] = {}
    with ExitStack() as stack:
        if HAND_TUNED in arguments.peers:
            trunkline = trunkline_speed(encoder, split, problem, sizes, HAND_TUNED)
            pairs[HAND_TUNED] = (trunkline, hand_tuned_speed(name, encoder, split, problem))
        libraries = [peer for peer in arguments.peers if peer in LIBRARIES]
        if libraries:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            write_worker_input(folder, small, split, with_trunk(problem, "shared_bottom"))
            trunkline_speeds = {
                kind: trunkline_speed(small, split, with_trunk(problem, kind), sizes, kind) for kind in KINDS
            }
        for peer in libraries:
            worker = Worker(peer, folder, arguments.threads)
            stack.callback(worker.close)
            for kind, suffix in KINDS.items():
                sizes[peer + suffix] = worker.parameters[kind]
                pairs[peer + suffix] = (trunkline_speeds[kind], library_speed(worker, kind, len(split)))
        print(f"{name}: {len(split):,} rows; parameters: {', '.join(f'{key} {n:,}' for key, n in sizes.items())}")
        for peer, (network_speed, peer_speed) in pairs.items():
            speeds = [(network_speed(), peer_speed()) for _ in range(arguments.rounds + 1)][1:]
            yield peer, [a for a, _ in speeds], [b for _, b in speeds]


def main() -> None:
    """Time every loop and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, default=60 * 2048, help="of a pass")
    parser.add_argument("--problems", nargs="+", choices=list(BY_HAND), default=list(BY_HAND))
    parser.add_argument("--peers", nargs="+", choices=[HAND_TUNED, *LIBRARIES], default=[HAND_TUNED, *LIBRARIES])
    arguments = parser.parse_args()
    lowest: dict[str, float] = {}
    table = []
    for name in arguments.problems:
        with prepared(FOLDERS[name], threads=arguments.threads) as problem:
            for peer, trunkline_speeds, peer_speeds in ratios(name, problem, arguments):
                ratios_of_peer = [a / b for a, b in zip(trunkline_speeds, peer_speeds, strict=True)]
                median = statistics.median(ratios_of_peer)
                lowest[peer] = min(median, lowest.get(peer, median))
                speeds = f"{statistics.median(trunkline_speeds):,.0f} | {statistics.median(peer_speeds):,.0f}"
                span = f"{min(ratios_of_peer):.3f} to {max(ratios_of_peer):.3f}"
                table.append(f"| {name} | {peer} | {speeds} | {median:.3f} ({span}) |")
                print(table[-1])
    print("\n| problem | peer | Trunkline, samples per processor second | peer | ratio: median (range) |")
    print("|---|---|---|---|---|")
    print("\n".join(table))
    print(json.dumps({"ratios": {peer: round(ratio, 3) for peer, ratio in lowest.items()}}))


if __name__ == "__main__":
    main()
