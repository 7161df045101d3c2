"""Cost of one training step under each balancing, relative to `sum`, on a network of the flights' size.

    python benchmarks/balancing.py [--rounds 7] [--tasks 5] [--threads 1] [--methods upgrad,gradnorm]

Batches of 2,048 rows of 200 numbers, a trunk of 256 and 128, heads of 64, random targets: a step is the forward
pass, the balancing, the optimiser and the update of the balancing. All methods alternate in one run, each with its own
network, in processor seconds. Options are the defaults. The last line is one JSON object:
{"ratios": {"upgrad": its step / that of sum, ...}}.
"""

import argparse
import json
import statistics
from collections.abc import Callable

import torch
from measurement import alternate, processor_seconds
from pydantic import TypeAdapter
from torch import Tensor, nn

from mtl_core.balancing import SharedParameters
from mtl_core.config import AnyBalancing, Balancing
from mtl_core.config.trunks import SharedBottom
from mtl_core.schema import tagged

ROWS, WIDTH, STEPS = 2_048, 200, 2
"""STEPS: steps per measurement."""
OPTIONS = {"constant": {"weights": {"task 0": 2.0}}}
"""Required options."""


class BenchmarkNetwork(nn.Module):
    """(rows, 200) -> one number per row and task."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.trunk = SharedBottom(widths=(256, 128)).build(WIDTH, tasks)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 1)) for _ in range(tasks)
        )

    def losses(self, x: Tensor, y: Tensor) -> dict[int, Tensor]:
        shared = self.trunk(x)
        outputs = [head(represented)[:, 0] for head, represented in zip(self.heads, shared, strict=True)]
        return {task: (output - y[:, task]).square().mean() for task, output in enumerate(outputs)}

    def shared(self) -> SharedParameters:
        parameters = tuple(self.trunk.parameters())
        return SharedParameters(parameters=parameters, last=[p for p in parameters if p.ndim > 1][-1])


def step_measurement(options: Balancing, tasks: int) -> Callable[[], float]:
    """A measurement of the processor seconds of a training step with the method, the mean of STEPS."""
    torch.manual_seed(0)
    network, balancer = BenchmarkNetwork(tasks), options.build(tuple(f"task {task}" for task in range(tasks)))
    parameters = [*network.parameters(), *balancer.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0, fused=True)
    x = torch.randn(ROWS, WIDTH)
    y = torch.tanh(x @ torch.randn(WIDTH, tasks) / WIDTH**0.5) + 0.5 * torch.randn(ROWS, tasks)
    shared = network.shared()
    balancer.before_epoch()

    def losses_now() -> dict[int, Tensor]:
        with torch.no_grad():
            return network.losses(x, y)

    def run() -> None:
        losses = network.losses(x, y)
        optimizer.zero_grad()
        balancer.backward(losses, shared)
        optimizer.step()
        balancer.after_step(losses_now)

    return lambda: processor_seconds(run, STEPS)


def declared(names: str) -> dict[str, Balancing]:
    """The named methods, or all, with `sum` first."""
    adapter: TypeAdapter[Balancing] = TypeAdapter(AnyBalancing)
    methods = list(tagged(AnyBalancing))
    chosen = names.split(",") if names else methods
    order = dict.fromkeys(["sum", *chosen])
    return {name: adapter.validate_python({"method": name, **OPTIONS.get(name, {})}) for name in order}


def main() -> None:
    """Time a training step of every method and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--methods", default="", help="comma-separated names; default: all")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    methods = declared(arguments.methods)
    measurements = {name: step_measurement(options, arguments.tasks) for name, options in methods.items()}
    times = alternate(measurements, arguments.rounds)
    ratios = {
        name: [duration / plain for duration, plain in zip(durations, times["sum"], strict=True)]
        for name, durations in times.items()
    }
    print(f"{'method':<16} {'ms a step':>9} {'ratio':>7}   range over {arguments.rounds} rounds")
    for name, values in sorted(ratios.items(), key=lambda item: statistics.median(item[1])):
        step = 1_000 * statistics.median(times[name])
        print(f"{name:<16} {step:>9.1f} {statistics.median(values):>7.2f}   {min(values):.2f} to {max(values):.2f}")
    print(json.dumps({"ratios": {name: round(statistics.median(values), 2) for name, values in ratios.items()}}))


if __name__ == "__main__":
    main()
