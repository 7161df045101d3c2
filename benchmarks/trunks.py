"""Cost of a training step with each trunk, as it is by default, against the shared bottom, alternating in one run.

    python benchmarks/trunks.py [--rounds 7] [--tasks 5] [--batch 2048] [--width 192] [--threads 1]

A step is forward, backward and AdamW on random numbers: its cost does not depend on the data. It is the trunk's alone,
without input layer and heads; a trunk that gives every task an input of its own gets one per task. The last line is one
JSON object: {"ratios": {kind: processor seconds of its step / those of the shared bottom's}}.
"""

import argparse
import json
import statistics
import time

import torch
from torch import Tensor

from mtl_core.config import AnyTrunk, TrunkOptions
from mtl_core.config.trunks import SharedBottom
from mtl_core.schema import tagged
from mtl_core.trunks import Trunk

STEPS = 4
"""Number of steps of one measurement."""


class Bench:
    """A trunk in training on one batch."""

    def __init__(self, options: TrunkOptions, arguments: argparse.Namespace) -> None:
        torch.manual_seed(0)
        self.trunk: Trunk = options.build(arguments.width, arguments.tasks).train()
        self.optimizer = torch.optim.AdamW(self.trunk.parameters(), fused=True)
        inputs = (arguments.tasks,) if options.separate_inputs else ()
        # The input layer below wants its gradient too.
        self.x = torch.randn(arguments.batch, *inputs, arguments.width).requires_grad_()
        self.parameters = sum(parameter.numel() for parameter in self.trunk.parameters())

    def seconds(self) -> float:
        """Processor seconds of a step."""
        began = time.process_time()
        for _ in range(STEPS):
            self.optimizer.zero_grad()
            self.x.grad = None
            self._loss().backward()
            self.optimizer.step()
        return (time.process_time() - began) / STEPS

    def _loss(self) -> Tensor:
        return torch.stack([output.square().mean() for output in self.trunk(self.x)]).sum()


def main() -> None:
    """Time a step of every trunk and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"rounds": 7, "tasks": 5, "batch": 2048, "width": 192, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    kinds = {kind: options() for kind, options in tagged(AnyTrunk).items()}
    baseline = Bench(SharedBottom(), arguments)
    benches = {kind: Bench(options, arguments) for kind, options in kinds.items() if kind != "shared_bottom"}
    ratios: dict[str, list[float]] = {kind: [] for kind in benches}
    for number in range(arguments.rounds + 1):
        for kind, bench in benches.items():
            ratio = bench.seconds() / baseline.seconds()
            if number:  # the first round warms up
                ratios[kind].append(ratio)
    print(f"{'trunk':<16} {'parameters':>10} {'step / shared bottom':>20} {'least':>6} {'most':>6}")
    print(f"{'shared_bottom':<16} {baseline.parameters:>10,} {1:>20.2f}")
    for kind, found in ratios.items():
        middle = statistics.median(found)
        print(f"{kind:<16} {benches[kind].parameters:>10,} {middle:>20.2f} {min(found):>6.2f} {max(found):>6.2f}")
    print(json.dumps({"ratios": {kind: round(statistics.median(found), 2) for kind, found in ratios.items()}}))


if __name__ == "__main__":
    main()
