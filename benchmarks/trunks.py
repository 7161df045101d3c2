"""Cost of a training step with each trunk at its default size, relative to the shared bottom, alternating in one run.

    python benchmarks/trunks.py [--rounds 7] [--tasks 5] [--batch 2048] [--width 192] [--threads 1]

A step is the forward pass, the backward pass and AdamW of the trunk alone, without input layer and heads, on random
numbers. A trunk with separate inputs per task gets one input per task. The last line is one
JSON object: {"ratios": {kind: processor seconds of its step / those of the shared bottom's}}.
"""

import argparse
import json
import statistics

import torch
from measurement import alternate, processor_seconds

from mtl_core.config import AnyTrunk, TrunkOptions
from mtl_core.config.trunks import SharedBottom
from mtl_core.schema import tagged
from mtl_core.trunks import Trunk

STEPS = 4
"""Steps per measurement."""


class TrunkBenchmark:
    """Training steps of a trunk on one batch."""

    def __init__(self, options: TrunkOptions, arguments: argparse.Namespace) -> None:
        torch.manual_seed(0)
        self.trunk: Trunk = options.build(arguments.width, arguments.tasks).train()
        self.optimizer = torch.optim.AdamW(self.trunk.parameters(), fused=True)
        inputs = (arguments.tasks,) if options.separate_inputs else ()
        # In a network, the input layer needs this gradient.
        self.x = torch.randn(arguments.batch, *inputs, arguments.width).requires_grad_()
        self.parameters = sum(parameter.numel() for parameter in self.trunk.parameters())

    def seconds(self) -> float:
        """Processor seconds of a step."""
        return processor_seconds(self._step, STEPS)

    def _step(self) -> None:
        self.optimizer.zero_grad()
        self.x.grad = None
        torch.stack([output.square().mean() for output in self.trunk(self.x)]).sum().backward()
        self.optimizer.step()


def main() -> None:
    """Time a step of every trunk and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"rounds": 7, "tasks": 5, "batch": 2048, "width": 192, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    kinds = {kind: options() for kind, options in tagged(AnyTrunk).items()}
    baseline = TrunkBenchmark(SharedBottom(), arguments)
    variants = {kind: TrunkBenchmark(options, arguments) for kind, options in kinds.items() if kind != "shared_bottom"}
    measurements = {
        kind: lambda variant=variant: variant.seconds() / baseline.seconds() for kind, variant in variants.items()
    }
    ratios = alternate(measurements, arguments.rounds)
    print(f"{'trunk':<16} {'parameters':>10} {'step / shared bottom':>20} {'min':>6} {'max':>6}")
    print(f"{'shared_bottom':<16} {baseline.parameters:>10,} {1:>20.2f}")
    for kind, values in ratios.items():
        median = statistics.median(values)
        print(f"{kind:<16} {variants[kind].parameters:>10,} {median:>20.2f} {min(values):>6.2f} {max(values):>6.2f}")
    print(json.dumps({"ratios": {kind: round(statistics.median(values), 2) for kind, values in ratios.items()}}))


if __name__ == "__main__":
    main()
