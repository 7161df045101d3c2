"""Cost of measuring the tasks' gradients: an epoch with measurements and one without, on the flights.

    python benchmarks/relatedness_cost.py [--rounds 5] [--threads 1] [--steps 100]

`cosine` measures every 100th step, the default; `affinity` every 10th, with a lookahead step per task, as `mtl relate`
does. All three alternate in one run, each with its own network, in processor seconds of whole passes. The last line is
one JSON object: {"ratios": {"cosine": its pass / the plain one's, ...}}.
"""

import argparse
import json
import statistics
from collections.abc import Callable

from measurement import alternate, processor_seconds
from problems import FOLDERS, Prepared, prepared

from mtl_core.config import RelatednessOptions
from mtl_core.config.budget import budget_of
from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.nn.deterministic import deterministic
from mtl_core.training.affinity import Probe
from mtl_core.training.epoch import optimizer_of, train_epoch

OPTIONS = {
    "plain": RelatednessOptions(every=0),
    "cosine": RelatednessOptions(every=100),
    "affinity": RelatednessOptions(every=10, affinity=True),
}


def pass_measurement(
    flights: Prepared, split: EncodedSplit, batch_size: int, options: RelatednessOptions
) -> Callable[[], float]:
    """A measurement of the processor seconds of a pass over the split with these options."""
    training = flights.declared.training
    network = Network.seeded(flights.declared, flights.encoder, training.seed)
    balancer = training.balancing.build_weighted({task.name: task.weight for task in network.objectives})
    optimizer = optimizer_of(network, balancer, training)
    budget = budget_of(training.model_copy(update={"epochs": 1, "batch_size": batch_size}), len(split))

    def run() -> None:
        probe = Probe(network, optimizer, options, 1)
        train_epoch(network, balancer, optimizer, split, training, budget, epoch=1, before_step=probe.measure)

    return lambda: processor_seconds(run)


def main() -> None:
    """Time the epochs and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=100, help="Of a pass; a multiple of 100.")
    arguments = parser.parse_args()
    with prepared(FOLDERS["flights"], threads=arguments.threads) as flights, deterministic(arguments.threads):
        rows = flights.splits.train
        batch_size = budget_of(flights.declared.training, len(rows)).batch_size
        batch = rows.slice(0, arguments.steps * batch_size)
        split = EncodedSplit(batch.inputs, batch.labels, batch.weights)
        measurements = {name: pass_measurement(flights, split, batch_size, o) for name, o in OPTIONS.items()}
        times = alternate(measurements, arguments.rounds)
    ratios = {
        name: [duration / plain for duration, plain in zip(times[name], times["plain"], strict=True)]
        for name in ("cosine", "affinity")
    }
    for name, values in ratios.items():
        print(f"{name:<8} {statistics.median(values):.3f} of a plain pass, {min(values):.3f} to {max(values):.3f}")
    print(json.dumps({"ratios": {name: round(statistics.median(values), 3) for name, values in ratios.items()}}))


if __name__ == "__main__":
    main()
